/** AWS's formats over HTTP, as its clients use them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { get, model, post, startServer } from './sampleServer.ts';

const { url } = await startServer();
const RECORDS = [
  ['user_1', '9.1.2.3'],
  ['user_2', '9.1.2.3'],
  ['nobody', '2001:db8::1'],
] as const;
const dots = RECORDS.map(([entity, address]) => model.score(entity, address).dotProduct);
const predictions = { predictions: dots.map((dot_product) => ({ dot_product })) };

const csv = RECORDS.map((record) => record.join(',')).join('\n');
const instances = RECORDS.map((features) => ({ features }));
const nested = RECORDS.map((values) => ({ data: { features: { values } } }));
const lines = (list: unknown[]) => list.map((one) => JSON.stringify(one)).join('\n');

const REQUESTS: [name: string, type: string, body: string][] = [
  ['CSV', 'text/csv', csv],
  ['CSV with blanks behind the commas, as AWS writes it', 'text/csv', csv.replaceAll(',', ', ')],
  ['CSV that ends in line ends', 'text/csv', `${csv}\n\n\n`],
  ['CSV with CRLF and a byte-order mark', 'text/csv', `\ufeff${csv.replaceAll('\n', '\r\n')}`],
  ['CSV with quotes', 'text/csv', csv.replaceAll('user_1', '"user_1"')],
  ['CSV with a time, which is not needed', 'text/csv', csv.replaceAll('\n', ',1541289600\n')],
  ['CSV with a charset', 'text/csv; charset=utf-8', csv],
  ['CSV with a label size', 'text/csv;label_size=0', csv],
  ['CSV with both, in odd letters', 'Text/CSV ; Charset="UTF-8" ; LABEL_SIZE=0', csv],
  ['JSON, features', 'application/json', JSON.stringify({ instances })],
  ['JSON, nested', 'application/json', JSON.stringify({ instances: nested })],
  [
    'JSON, both in one',
    'application/json',
    JSON.stringify({ instances: [instances[0], ...nested.slice(1)] }),
  ],
  ['JSON with what nobody asked for', 'application/json', JSON.stringify({ configuration: {}, instances })],
  [
    'JSON with a byte-order mark and blanks',
    'application/json;charset=utf-8',
    `\ufeff ${JSON.stringify({ instances }, null, 2)}`,
  ],
  ['JSON lines', 'application/jsonlines', lines(instances)],
  ['JSON lines, nested, with line ends', 'application/jsonlines', `${lines(nested)}\r\n\n`],
  [
    "JSON lines as in AWS's documentation: a comma behind a line, and a stray ]",
    'application/jsonlines',
    `${JSON.stringify(nested[0])},\n${JSON.stringify(instances[1])},\n${JSON.stringify(instances[2])}]`,
  ],
  [
    'JSON lines with a comma behind the last too',
    'application/jsonlines',
    `${instances.map((one) => JSON.stringify(one)).join(',\n')},\n`,
  ],
];

for (const [name, type, body] of REQUESTS) {
  test(`takes ${name}`, async () => {
    for (const path of ['/invocations', '/endpoints/any-name/invocations']) {
      const answer = await post(url + path, body, { 'content-type': type });
      assert.deepEqual([answer.status, answer.json], [200, predictions], answer.text);
      assert.equal(answer.headers.get('content-type'), 'application/json');
    }
  });
}

const ask = (accept: string, headers: Record<string, string> = {}) =>
  post(`${url}/invocations`, csv, { 'content-type': 'text/csv', accept, ...headers });

test('a float32 is written with all digits of the double that it is, keys in the order of AWS', async () => {
  const { text } = await ask('application/json');
  assert.equal(text, `{"predictions":[${dots.map((dot) => `{"dot_product":${dot}}`).join(',')}]}`);
  assert.ok(dots.every((dot) => dot === Math.fround(dot)));
});

for (const accept of [
  'application/jsonlines',
  'text/html, application/jsonlines;q=0.9',
  'APPLICATION/JSONLINES; charset=utf-8',
]) {
  test(`Accept: ${accept} answers an object a line`, async () => {
    const { text, headers } = await ask(accept);
    assert.equal(text, dots.map((dot) => `{"dot_product":${dot}}\n`).join(''));
    assert.equal(headers.get('content-type'), 'application/jsonlines');
  });
}

for (const accept of ['*/*', 'text/csv', 'nonsense', 'application/json', 'application/json;verbose=False']) {
  test(`Accept: ${accept} answers JSON`, async () => {
    assert.deepEqual((await ask(accept)).json, predictions);
  });
}

for (const accept of [
  'application/json; verbose=True',
  'application/json;verbose=True',
  'application/jsonlines;verbose=true',
]) {
  test(`Accept: ${accept} gives the vectors too, whose inner product is the dot product`, async () => {
    const { text, json } = await ask(accept);
    const objects =
      json?.predictions ??
      text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
    assert.equal(objects.length, RECORDS.length);
    for (const [i, one] of objects.entries()) {
      assert.deepEqual(Object.keys(one), ['dot_product', 'entity_embedding', 'ip_embedding']);
      assert.equal(one.dot_product, dots[i]);
      assert.deepEqual([one.entity_embedding.length, one.ip_embedding.length], [8, 8]);
      const sum = one.entity_embedding.reduce(
        (s: number, e: number, d: number) => s + e * one.ip_embedding[d],
        0,
      );
      assert.ok(Math.abs(sum - dots[i]) < 1e-6);
    }
  });
}

test('detail=full gives what `score` gives', async () => {
  const { json } = await ask('application/json; detail=full');
  for (const [i, [entity, address]] of RECORDS.entries()) {
    const { dotProduct, anomaly, pValue, verdict, reasons } = model.score(entity, address);
    const one = json.predictions[i];
    assert.deepEqual(Object.keys(one), ['dot_product', 'anomaly', 'p_value', 'verdict', 'reasons']);
    assert.deepEqual([one.dot_product, one.verdict, one.reasons], [dotProduct, verdict, reasons]);
    assert.ok(Math.abs(one.anomaly - anomaly) < 1e-6);
    assert.ok(pValue === null ? one.p_value === null : Math.abs(one.p_value - pValue) < 1e-3);
  }
});

test('large requests are answered as small ones are, in every detail', async () => {
  const many = Array.from({ length: 5000 }, (_, i) => RECORDS[i % 3]);
  const body = many.map((record) => record.join(',')).join('\n');
  for (const accept of [
    'application/json',
    'application/jsonlines; verbose=True',
    'application/json; detail=full',
  ]) {
    const small = await ask(accept);
    const large = await post(`${url}/invocations`, body, { 'content-type': 'text/csv', accept });
    assert.equal(large.status, 200);
    const isJson =
      (small.json !== undefined && accept.startsWith('application/json;')) || accept === 'application/json';
    const of = (answer: typeof small) =>
      isJson
        ? answer.json.predictions
        : answer.text
            .trim()
            .split('\n')
            .map((line) => JSON.parse(line));
    const expected = of(small);
    assert.deepEqual(
      of(large),
      many.map((_, i) => expected[i % 3]),
    );
  }
});

test('the short way and the one through fastify answer alike, in headers too, good requests and bad ones', async () => {
  const requests: [body: string, headers: Record<string, string>][] = [
    ['user_1,9.1.2.3', { 'content-type': 'text/csv', 'x-amzn-sagemaker-custom-attributes': 'trace=42,é' }],
    ['{"features":["user_1","9.1.2.3"]}', { 'content-type': 'application/jsonlines', accept: '*/*' }],
    ['{"instances":[]}', { 'content-type': 'application/json', accept: 'application/jsonlines' }],
    ['user_1,9.1.2', { 'content-type': 'text/csv' }],
    ['{"instances":', { 'content-type': 'application/json' }],
    ['user_1,9.1.2.3', { 'content-type': 'text/plain' }],
    ['', { 'content-type': 'text/csv' }],
  ];
  const seen = async (path: string, [body, headers]: (typeof requests)[number]) => {
    const { status, text, headers: answered } = await post(url + path, body, headers);
    const named = ['content-type', 'content-length', 'connection', 'x-amzn-sagemaker-custom-attributes'];
    return { status, text, headers: named.map((name) => answered.get(name)) };
  };
  // Only the bare path is answered before fastify.
  for (const request of requests) {
    assert.deepEqual(await seen('/invocations', request), await seen('/invocations?', request), request[0]);
  }
});

test('custom attributes come back, other headers are not minded', async () => {
  const { headers } = await ask('application/json', {
    'x-amzn-sagemaker-custom-attributes': 'trace=42,é',
    'x-amzn-sagemaker-inference-id': 'abc',
    'x-unknown': 'yes',
  });
  assert.equal(headers.get('x-amzn-sagemaker-custom-attributes'), 'trace=42,é');
});

test('an empty list of instances has no predictions', async () => {
  const { json } = await post(`${url}/invocations`, '{"instances":[]}');
  assert.deepEqual(json, { predictions: [] });
});

test('whole numbers are taken as names of accounts, as CSV would give them', async () => {
  const { json } = await post(`${url}/invocations`, '{"instances":[{"features":[1234,"9.1.2.3"]}]}');
  assert.equal(json.predictions[0].dot_product, model.score('1234', '9.1.2.3').dotProduct);
});

test('ping has an empty body', async () => {
  const { status, text } = await get(`${url}/ping`);
  assert.deepEqual([status, text], [200, '']);
});

test('execution parameters are those of a container for batch transform', async () => {
  const { json } = await get(`${url}/execution-parameters`);
  assert.deepEqual(Object.keys(json), ['MaxConcurrentTransforms', 'BatchStrategy', 'MaxPayloadInMB']);
  assert.deepEqual([json.BatchStrategy, json.MaxPayloadInMB], ['MULTI_RECORD', 6]);
  assert.ok(json.MaxConcurrentTransforms >= 2);
});

test('a number without a fraction is written as Python writes it', async () => {
  // Nobody signed in from there, so that its vector is zero.
  const { text } = await post(`${url}/invocations`, 'user_1,2a00::1', {
    'content-type': 'text/csv',
    accept: 'application/jsonlines; verbose=True',
  });
  const { dot_product, ip_embedding } = JSON.parse(text);
  if (dot_product === 0) assert.match(text, /"dot_product":0\.0,/);
  assert.doesNotMatch(text, /[[,:]-?\d+[\],}]/);
  assert.equal(ip_embedding.length, model.weights.dimension);
});
