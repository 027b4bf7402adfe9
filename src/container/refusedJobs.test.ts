/** Jobs that cannot be done: the exit code, stderr and the failure file all say why, in full. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { inPairs } from '../cli/inPairs.ts';
import { sampleLogins } from '../cli/sampleLogins.ts';
import {
  CSV_CHANNEL,
  layOut,
  namesIn,
  ONE_HOST,
  QUICK,
  readText,
  type SampleJob,
  train,
} from './sampleJob.ts';

const root = mkdtempSync(join(tmpdir(), 'ip-insights-refused-'));
after(() => rmSync(root, { recursive: true }));

const GOOD: SampleJob = {
  hyperparameters: QUICK,
  inputDataConfig: { train: CSV_CHANNEL },
  resourceConfig: ONE_HOST,
  data: { 'train/a.csv': sampleLogins(300, 3) },
};
const hyper = (more: Record<string, unknown>): Partial<SampleJob> => ({
  hyperparameters: { ...QUICK, ...more },
});
const channels = (inputDataConfig: Record<string, unknown>): Partial<SampleJob> => ({ inputDataConfig });
const trainAs = (more: Record<string, unknown>) => channels({ train: { ...CSV_CHANNEL, ...more } });
const LATER = { 'validation/later.csv': 'user_1,10.0.0.1\n' };

const KNOWN =
  'num_entity_vectors, vector_dim, epochs, learning_rate, mini_batch_size, num_ip_encoder_layers, random_negative_sampling_rate, shuffled_negative_sampling_rate, weight_decay, batch_metrics_publish_interval, seed, threads, max_fpr, max_alerts_per_day, half_life_days, quantize, on_bad_line';
const CSV = 'Give lines entity,address[,time] as text/csv, without labels, in UTF-8.';
const H = 'input/config/hyperparameters.json: ';
const I = 'input/config/inputdataconfig.json: ';
const R = 'input/config/resourceconfig.json: ';

/** What differs from a good job, and the sentence, whose place begins below the folder. */
const TABLE: [job: Partial<SampleJob>, sentence: string][] = [
  [
    hyper({ vectordim: '8', feature_dim: '3' }),
    `${H}expected ${KNOWN}, got "vectordim", "feature_dim". Leave out what is not among them.`,
  ],
  [hyper({ vector_dim: '5000' }), `${H}vector_dim: expected an integer from 4 to 4096, got 5000.`],
  [hyper({ learning_rate: 'fast' }), `${H}learning_rate: expected a number from 0.000001 to 10, got fast.`],
  [hyper({ epochs: { min: 1 } }), `${H}epochs: expected a text, got "{\\"min\\":1}".`],
  [hyper({ seed: '-1' }), `${H}seed: expected an integer from 0 to 9007199254740991, got "-1".`],
  [hyper({ threads: '0' }), `${H}threads: expected an integer from 1 to 256, got "0".`],
  [hyper({ quantize: '8' }), `${H}quantize: expected true or false, got "8".`],
  [hyper({ on_bad_line: 'ignore' }), `${H}on_bad_line: expected error or skip, got "ignore".`],
  [hyper({ max_fpr: '1' }), `${H}max_fpr: expected a share above 0 and below 1, got "1".`],
  [
    hyper({ max_fpr: '0.1', max_alerts_per_day: '5' }),
    `${H}max_alerts_per_day: expected it or max_fpr, got both.`,
  ],
  [
    hyper({ half_life_days: '0' }),
    `${H}half_life_days: expected days from 0.1 to 36500, such as 30d, got "0".`,
  ],
  [
    hyper({ random_negative_sampling_rate: '0', shuffled_negative_sampling_rate: '0' }),
    'random_negative_sampling_rate + shuffled_negative_sampling_rate: expected 1 to 500 together, got 0.',
  ],
  [
    hyper({ _tuning_objective_metric: '"validation:discriminator_auc"' }),
    `${H}_tuning_objective_metric: expected a channel validation to compute validation:discriminator_auc on, got the channels train. Give the job later honest events as channel validation.`,
  ],
  [
    hyper({ _tuning_objective_metric: 'validation:discriminator_auc' }),
    `${H}_tuning_objective_metric: expected a channel validation to compute validation:discriminator_auc on, got the channels train. Give the job later honest events as channel validation.`,
  ],
  [{ hyperparameters: '["epochs"]' }, `${H}expected a JSON object, got "[\\"epochs\\"]". Mend the file.`],
  [
    { resourceConfig: { current_host: 'algo-1', hosts: ['algo-1', 'algo-2'] } },
    `${R}expected network_interface_name, such as "eth0", where there are several hosts, got "null". Mend the file.`,
  ],
  [
    { resourceConfig: { current_host: 'algo-3', hosts: ['algo-1', 'algo-2'] } },
    `${R}expected current_host, algo-3, among the hosts, got "[\\"algo-1\\",\\"algo-2\\"]". Mend the file.`,
  ],
  [
    { resourceConfig: { current_host: 'algo-1', hosts: ['algo-1', 'algo-1'] } },
    `${R}expected each of the hosts once, got "[\\"algo-1\\",\\"algo-1\\"]". Mend the file.`,
  ],
  [
    { resourceConfig: { current_host: 'algo-1', hosts: 'algo-1' } },
    `${R}expected names of hosts as hosts, such as ["algo-1"], got "\\"algo-1\\"". Mend the file.`,
  ],
  [
    {
      resourceConfig: {
        current_host: 'algo-1',
        hosts: Array.from({ length: 101 }, (_, i) => `algo-${i + 1}`),
      },
    },
    `${R}expected at most 100 hosts, got "101". Mend the file.`,
  ],
  [
    {
      resourceConfig: {
        ...{ current_host: 'algo-1', hosts: ['algo-1', 'algo-2'], network_interface_name: 'no-such' },
      },
    },
    `${R}expected the name of a network interface as network_interface_name, one of ${Object.keys(networkInterfaces()).join(', ')}, got no-such. Mend the file.`,
  ],
  [
    { resourceConfig: { current_host: '' } },
    `${R}expected the name of this host as current_host, such as "algo-1", got "\\"\\"". Mend the file.`,
  ],
  [
    channels({ train: CSV_CHANNEL, test: CSV_CHANNEL }),
    `${I}expected the channels train, validation, asn and country, of which only train must be there, got "test". Leave out what is not among them.`,
  ],
  [
    { ...channels({ validation: CSV_CHANNEL }), data: LATER },
    `${I}expected a channel train, got validation. Give the job its events (CSV entity,address[,time]) as channel train.`,
  ],
  [channels({ train: 'File' }), `${I}train: expected an object, got "\\"File\\"". Mend the file.`],
  [
    trainAs({ ContentType: 'application/x-recordio-protobuf' }),
    `${I}train: expected ContentType text/csv, got "application/x-recordio-protobuf". ${CSV}`,
  ],
  [
    trainAs({ ContentType: 'text/csv;label_size=1' }),
    `${I}train: expected ContentType text/csv, got "text/csv;label_size=1". ${CSV}`,
  ],
  [
    trainAs({ ContentType: 'text/csv; charset=utf-16' }),
    `${I}train: expected ContentType text/csv, got "text/csv; charset=utf-16". ${CSV}`,
  ],
  [
    trainAs({ TrainingInputMode: 'Pipe' }),
    `${I}train: expected TrainingInputMode File or FastFile, got "Pipe". Pipe gives no files, and events are read more than once by a run that goes on. Start the job with TrainingInputMode=File.`,
  ],
  [
    trainAs({ CompressionType: 'Zstd' }),
    `${I}train: expected CompressionType None or Gzip, got "Zstd". Files may be gzipped, which their content tells.`,
  ],
  [
    trainAs({ RecordWrapperType: 'RecordIO' }),
    `${I}train: expected RecordWrapperType None, got "RecordIO". Give the files as they are.`,
  ],
  [
    { data: {} },
    'input/data/train: expected at least one file for channel train, got none. Check the S3 prefix of the channel.',
  ],
  [
    { data: { 'train/_SUCCESS': '', 'train/part-0.csv': '' } },
    'input/data/train: expected at least one file for channel train, got 1 empty file and 1 name beginning with . or _ only. Check the S3 prefix of the channel.',
  ],
  [
    {
      data: {
        'train/a.csv': 'user_1,10.0.0.1\n',
        'train/b/c.csv.gz': gzipSync('user_1,10.0.0.1\nuser_2,10.0.0\n'),
      },
    },
    'input/data/train/b/c.csv.gz:2: expected an IP address in field 2, got "10.0.0": it has 3 parts, not 4. Skip such lines with on_bad_line=skip.',
  ],
  [
    { data: { 'train/a.csv.gz': gzipSync('user_1,10.0.0.1\n').subarray(0, 20) } },
    'input/data/train/a.csv.gz: the gzip data ends in the middle (truncated file). Copy or download it again.',
  ],
];

test('what a job cannot be done with ends with 1 and its sentence, before any training', async () => {
  await inPairs(TABLE, async ([job, sentence], i) => {
    const folder = join(root, String(i));
    layOut(folder, { ...GOOD, ...job });
    const { status, stdout, stderr } = await train(folder);
    const isPlace = /^input\//.test(sentence);
    const message = isPlace ? `${folder}/${sentence}` : sentence;
    assert.equal(status, 1, sentence);
    assert.equal(readText(folder, 'output/failure'), `${message}\n`);
    assert.ok(stderr.endsWith(`ip-insights: ${message}\n`), stderr);
    assert.equal(stdout, '');
    assert.deepEqual(namesIn(folder, 'model'), []);
  });
});

const said = async (name: string, job: SampleJob, prepare = (_folder: string) => {}) => {
  const folder = join(root, name);
  layOut(folder, job);
  prepare(folder);
  const { status } = await train(folder);
  return { status, failure: readText(folder, 'output/failure').replaceAll(folder, 'ML') };
};

test('without configuration the channels are the folders, of which train must be one', async () => {
  assert.deepEqual(await said('none', { data: {} }), {
    status: 1,
    failure:
      'ML/input/data: expected a channel train, got none. Give the job its events (CSV entity,address[,time]) as channel train.\n',
  });
  const { failure } = await said('other', { data: { 'train/a.csv': 'x', 'test/b.csv': 'x' } });
  assert.match(failure, /^ML\/input\/data: expected the channels .*, got "test"\. /);
});

test('events of the future alone are none', async () => {
  const { failure } = await said('future', {
    ...GOOD,
    data: { 'train/a.csv': 'user_1,10.0.0.1,4102444800\n' },
  });
  assert.equal(
    failure,
    'channel train: expected events of the past (entity,address[,time]), got none in 1 file (1 line: 1 event). Check them; the first is ML/input/data/train/a.csv.\n',
  );
});

test('of a message longer than what SageMaker shows, its place and its next step come first', async () => {
  const names = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`no_such_parameter_${i}`, '1']));
  const { failure } = await said('long', { ...GOOD, ...hyper(names) });
  const shown = failure.slice(0, 1024);
  assert.ok(shown.startsWith('ML/input/config/hyperparameters.json: expected num_entity_vectors'), shown);
  assert.match(shown, / … [\s\S]*"no_such_parameter_199"\. Leave out what is not among them\.\n\n/);
  assert.ok(failure.includes('"no_such_parameter_100"'), 'the whole message follows');
});

test('a link of a channel that leads nowhere is told, as its file would be missing', async () => {
  const { failure } = await said('dangling', GOOD, (folder) =>
    symlinkSync('nowhere.csv', join(folder, 'input/data/train/b.csv')),
  );
  assert.equal(
    failure,
    'ML/input/data/train/b.csv: there is no such file. Check the name, or the folder that the command runs in.\n',
  );
});

test('a failure that nobody foresaw asks to be reported, with its stack', async () => {
  const { status, failure } = await said('unforeseen', GOOD, (folder) =>
    symlinkSync('ring.csv', join(folder, 'input/data/train/ring.csv')),
  );
  assert.equal(status, 1);
  assert.match(
    failure,
    /^unexpected failure, please report it: ELOOP: too many symbolic links encountered, stat 'ML\/input\/data\/train\/ring\.csv'\n[\s\S]*\n {4}at .*channels\.js/,
  );
});
