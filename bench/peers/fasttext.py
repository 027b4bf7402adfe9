#!/usr/bin/python3
"""
fastText at the training task, as far as it can express it.

    bench/peers/fasttext.py --train train.csv --threads 2 --epochs 2                          # speed
    bench/peers/fasttext.py --train train.csv --threads 2 --quality honest.csv attacks.csv    # and quality

Each event is a line `__label__<entity> p8_… p10_… … p24_…`: the prefixes of the address are the words, the entity is
the label. One JSON object on stdout. Where it differs from the other peers' task:

- Negatives are other entities for the same address (drawn by the square root of their frequency), not other addresses
  for the same entity. So nothing tells it of addresses that nobody uses.
- An address is the mean of its prefixes' vectors, not their sum. The end of the line is a word to fastText: it stands
  for /0.
- Plain stochastic gradient steps, one for each event, without locks: threads make the result differ from run to run.
- Reading and splitting text is part of its training: it reads the file again in every epoch.

Speed comes from fastText's own meter (words/sec/thread), which starts when its threads do: reading the vocabulary,
filling the tables and saving are outside. Whole processes agree: on the tutorial's data with one thread, a run of 3
epochs took 25.5 s for each epoch more than a run of 1; the meter says 26.4 and 24.4. "secondsOfProcess" has all of it.
"""

import argparse
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True

import numpy as np  # noqa: E402

from command import InputError, Stopwatch, positive, run, tell  # noqa: E402
from task import EPOCHS, RANDOM_RATE, SHUFFLED_RATE, VECTOR_DIM, Prefixes, Quality, read_events  # noqa: E402

# The head of a model file (fastText 0.9, src/fasttext.cc: FASTTEXT_FILEFORMAT_MAGIC_INT32, FASTTEXT_VERSION).
MAGIC, VERSION = 793712314, 12
END_OF_LINE = "</s>"
METER = re.compile(r"words/sec/thread:\s*(\d+)")


def read_options():
    parser = argparse.ArgumentParser(description="Trains with fastText and prints figures as JSON.")
    parser.add_argument("--train", required=True, metavar="FILE", help="CSV entity,address[,time], IPv4 only")
    parser.add_argument("--events", type=positive(int), metavar="N", help="the first N events only")
    parser.add_argument("--threads", type=positive(int), default=1)
    parser.add_argument("--epochs", type=positive(int), default=EPOCHS)
    # AUC and FPR at TPR .99 are alike from 0.1 to 1; FPR at TPR .999 is 57 % at fastText's 0.1, 11 % at 0.5 and at 1.
    parser.add_argument("--learning-rate", type=positive(float), default=0.5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quality", nargs=2, metavar=("HONEST", "ATTACKS"), help="CSVs to be judged on")
    return parser.parse_args()


def main():
    options = read_options()
    if shutil.which("fasttext") is None:
        raise InputError("expected the command fasttext, found none. Install it: apt-get install fasttext.")
    preparing, running, evaluating = Stopwatch(), Stopwatch(), Stopwatch()
    with tempfile.TemporaryDirectory(prefix="fasttext-") as folder:
        with preparing:
            numbers = {}
            events = read_events(options.train, numbers, limit=options.events)
            quality = None if options.quality is None else Quality(*options.quality, numbers)
            prefixes = Prefixes(events.address)
            words = words_of(prefixes)
            text = os.path.join(folder, "events.txt")
            write_lines(text, events, prefixes, words)
        model = os.path.join(folder, "model")
        # Beside the model it writes all vectors as text, which nobody reads here.
        os.symlink(os.devnull, f"{model}.vec")
        with running:
            words_per_second = train(text, model, options)
        tokens, word_vectors, label_vectors = read_model(f"{model}.bin")
    seconds = tokens * options.epochs / words_per_second
    if seconds < 2:
        tell(f"fasttext.py: trained for {seconds:.1f} s; its meter looks every 0.1 s. Give it more --epochs.")
    figures = None
    if quality is not None:
        with evaluating:
            figures = quality.measure(scorer(prefixes, words, word_vectors, label_vectors))
    return {
        "peer": "fasttext",
        "learningRate": options.learning_rate,
        "epochs": options.epochs,
        "threads": options.threads,
        "seed": options.seed,
        "eventsPerSecond": events.count * options.epochs / seconds,
        "seconds": seconds,
        "secondsOfProcess": running.seconds,
        "secondsPreparing": preparing.seconds,
        "secondsEvaluating": evaluating.seconds,
        "events": events.count,
        "wordsPerEvent": tokens / events.count,
        "quality": figures,
        "versions": {"fasttext": debian_version(), "numpy": np.__version__},
    }


def words_of(prefixes):
    """The word of each prefix row; /0 is the end of the line."""
    words = [f"p{length}_{value:x}" for length, value in zip(prefixes.length.tolist(), prefixes.value.tolist())]
    words[0] = END_OF_LINE
    return words


def write_lines(path, events, prefixes, words):
    # Lines end alike where the deepest row is the same. Rows stand from wide to narrow: parents come first.
    endings = [""] * prefixes.count
    for row in range(1, prefixes.count):
        endings[row] = f"{endings[prefixes.parent[row]]} {words[row]}"
    deepest = prefixes.deepest(events.address).tolist()
    with open(path, "w", encoding="ascii") as file:
        file.writelines(
            f"__label__{entity}{endings[row]}\n" for entity, row in zip(events.entity.tolist(), deepest)
        )


def train(text, model, options):
    """Runs fastText; returns the words that all its threads trained on in a second, by its own meter."""
    command = ["fasttext", "supervised", "-input", text, "-output", model]
    settings = {
        "loss": "ns",
        "neg": RANDOM_RATE + SHUFFLED_RATE,
        "dim": VECTOR_DIM,
        "epoch": options.epochs,
        "lr": options.learning_rate,
        "thread": options.threads,
        "seed": options.seed,
        "minCount": 1,  # rare prefixes are left out already
    }
    for name, value in settings.items():
        command += [f"-{name}", str(value)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    output = result.stdout + result.stderr
    meters = METER.findall(output)
    if result.returncode != 0 or not meters:
        raise InputError(f'"{" ".join(command)}" failed with exit code {result.returncode}: {output[-300:].strip()}')
    return int(meters[-1]) * options.threads


def read_model(path):
    """
    Tokens of one epoch, and the vectors by name of words and of labels. From the model file: printed by the command
    as text, they would take a minute.
    """
    with open(path, "rb") as file:
        data = file.read()
    at = 0

    def take(layout):
        nonlocal at
        values = struct.unpack_from(f"<{layout}", data, at)
        at += struct.calcsize(f"<{layout}")
        return values

    def take_matrix():
        nonlocal at
        quantized, rows, columns = take("?qq")
        if quantized:
            raise InputError(f"{path}: expected plain matrices, got quantized ones.")
        values = np.frombuffer(data, "<f4", rows * columns, at).reshape(rows, columns)
        at += values.nbytes
        return values

    head = take("ii")
    if head != (MAGIC, VERSION):
        raise InputError(f"{path}: expected fastText's model format {(MAGIC, VERSION)}, got {head}.")
    take("12id")  # the settings that it was trained with
    size, words, _labels, tokens, _pruned = take("iiiqq")
    names = []
    for _ in range(size):
        end = data.index(b"\0", at)
        names.append(data[at:end].decode())
        at = end + 1
        take("qb")  # how often, and whether a label
    inputs, outputs = take_matrix(), take_matrix()
    # Words stand before labels.
    return tokens, dict(zip(names[:words], inputs)), dict(zip(names[words:], outputs))


def scorer(prefixes, words, word_vectors, label_vectors):
    """High = expected: what fastText's output layer makes of the mean of an address's word vectors."""
    table = np.stack([word_vectors[word] for word in words])
    labels = np.stack([label_vectors[f"__label__{entity}"] for entity in range(len(label_vectors))])

    def dot_products(events):
        parts = []
        for start in range(0, events.count, 10_000):
            part = slice(start, start + 10_000)
            rows, lengths = prefixes.rows_of(events.address[part])
            sums = np.add.reduceat(table[rows], np.cumsum(lengths) - lengths)
            parts.append((labels[events.entity[part]] * sums).sum(1) / lengths)
        return np.concatenate(parts)

    return dot_products


def debian_version():
    """fastText itself does not tell; None where it is not Debian's."""
    query = ["dpkg-query", "--show", "--showformat=${Version}", "fasttext"]
    try:
        return subprocess.run(query, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None


run(main)
