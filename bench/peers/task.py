"""
The task that every peer is given: the training events, the prefixes that have a vector, mini-batches with their
negatives, and the figures by which detectors are judged. NumPy only.

Dimensions: N events, B positives of a mini-batch, R random and S shuffled negatives for each, P prefix rows.
"""

import csv
import json
import os

import numpy as np

from command import InputError

# AWS's tutorial, as src/cli/demo.ts has it.
NUM_ENTITY_VECTORS = 20000
VECTOR_DIM = 128  # D
EPOCHS = 5
MINI_BATCH_SIZE = 1000  # B
RANDOM_RATE = 5  # R
SHUFFLED_RATE = 1  # S
# src/neural/prefixes.ts: IPV4_PREFIX_LENGTHS and MIN_PREFIX_COUNT.
PREFIX_LENGTHS = (0, 8, 10, 12, 14, 16, 18, 20, 22, 24)
MIN_PREFIX_COUNT = 2


class Events:
    """IPv4 events as columns; entities are numbered in order of appearance."""

    def __init__(self, entity, address):
        self.count = len(entity)  # N
        self.entity = entity  # i64[N]
        self.address = address  # u32[N]


def read_events(path, numbers, known_only=False, limit=None):
    """
    Reads a CSV `entity,address[,time]` without header; times are not looked at.
    numbers    dict of entity to number; new entities are added, or with known_only refused
    limit      events to read at most
    """
    entity, address = [], []
    with open(path, newline="", encoding="utf-8") as lines:
        records = csv.reader(lines, skipinitialspace=True)
        for record in records:
            if len(entity) == limit:
                break
            try:
                a, b, c, d = map(int, record[1].split("."))
                if max(a, b, c, d) > 255 or min(a, b, c, d) < 0:
                    raise ValueError
            except (IndexError, ValueError):
                raise InputError(
                    f'{path}:{records.line_num}: expected entity,IPv4 address, got "{",".join(record)}". '
                    "The peers are written for IPv4 alone: leave other events out."
                ) from None
            if known_only and record[0] not in numbers:
                raise InputError(
                    f'{path}:{records.line_num}: expected an entity of the training events, got "{record[0]}". '
                    "Make the file with bench/qualityData.mjs from the same training events."
                )
            entity.append(numbers.setdefault(record[0], len(numbers)))
            address.append(a << 24 | b << 16 | c << 8 | d)
    if not entity:
        raise InputError(f"{path}: expected events, got an empty file.")
    return Events(np.array(entity, np.int64), np.array(address, np.uint32))


class Prefixes:
    """
    The prefixes that at least MIN_PREFIX_COUNT training addresses hold, numbered by length and value. An address is
    named by its deepest row, whose chain are all rows that the address is the sum of.
    """

    def __init__(self, addresses):
        if len(addresses) < MIN_PREFIX_COUNT:
            raise InputError(f"expected at least {MIN_PREFIX_COUNT} training events, got {len(addresses)}.")
        held_by = np.bincount(addresses >> np.uint32(8), minlength=1 << 24)
        self._deepest = np.full(1 << 24, -1, np.int32)  # by the first 24 bits of an address
        chains, parents, values, lengths = [], [], [], []
        count = 0
        for level, length in enumerate(PREFIX_LENGTHS):
            value = np.flatnonzero(held_by.reshape(1 << length, -1).sum(1) >= MIN_PREFIX_COUNT)
            chain = np.full((len(value), len(PREFIX_LENGTHS)), -1, np.int32)
            # A wider prefix has at least as many events, so that the deepest row so far is that of the level above.
            parent = self._deepest[value << (24 - length)]
            if level > 0:
                chain[:] = np.concatenate(chains)[parent]
            chain[:, level] = np.arange(count, count + len(value))
            self._deepest.reshape(1 << length, -1)[value] = chain[:, level, None]
            count += len(value)
            chains.append(chain)
            parents.append(parent)
            values.append(value)
            lengths.append(np.full(len(value), length))
        self.count = count  # P
        self._chain = np.concatenate(chains)  # i32[P, levels], -1 at the levels below the row's own
        self._depth = (self._chain >= 0).sum(1)  # i64[P]
        self.parent = np.concatenate(parents)  # i32[P], -1 for /0
        self.value = np.concatenate(values)  # i64[P] the first `length` bits
        self.length = np.concatenate(lengths)  # i64[P]

    def deepest(self, addresses):
        """Deepest row of each address, i32[n]; there always is one, as /0 has a row."""
        return self._deepest[addresses >> np.uint32(8)]

    def rows_of(self, addresses):
        """The rows of all addresses one after the other, wide to narrow, and how many each address has."""
        deepest = self.deepest(addresses)
        chains = self._chain[deepest]
        return chains[chains >= 0], self._depth[deepest]


class MiniBatch:
    """B positives with what was drawn for them."""

    def __init__(self, entity_row, address, shuffled):
        self.entity_row = entity_row  # i64[B]
        self.address = address  # u32[B, 1 + R]: a positive's own address, then its random ones
        self.shuffled = shuffled  # i64[B, S]: the positives of this mini-batch whose addresses are taken


class DrawnBatches:
    """Mini-batches drawn here: every epoch in an order of its own, as src/neural/miniBatch.ts does it."""

    dimension = VECTOR_DIM
    entity_rows = NUM_ENTITY_VECTORS
    batch_size = MINI_BATCH_SIZE

    def __init__(self, events, epochs, seed):
        self._events = events
        self._epochs = epochs
        self._random = np.random.default_rng(seed)
        self.count = epochs * -(-events.count // self.batch_size)

    def __iter__(self):
        events, random, R, S = self._events, self._random, RANDOM_RATE, SHUFFLED_RATE
        for _ in range(self._epochs):
            order = random.permutation(events.count)
            for start in range(0, events.count, self.batch_size):
                chosen = order[start : start + self.batch_size]
                B = len(chosen)
                drawn = random.integers(0, 1 << 32, (B, R), dtype=np.uint32)
                # Another record: one of the B - 1 places after this one, round the end.
                ahead = 1 + random.integers(0, B - 1, (B, S)) if B > 1 else np.zeros((B, S), np.int64)
                yield MiniBatch(
                    events.entity[chosen] % self.entity_rows,
                    np.concatenate([events.address[chosen, None], drawn], 1),
                    (np.arange(B)[:, None] + ahead) % B,
                )


class StoredBatches:
    """Mini-batches that another implementation has drawn, so that both do the same work; README.md has the layout."""

    def __init__(self, folder):
        meta_path = os.path.join(folder, "meta.json")
        with open(meta_path, encoding="utf-8") as file:
            try:
                meta = json.load(file)
            except ValueError as error:
                raise InputError(f"{meta_path}: expected JSON: {error}.") from None
        missing = [key for key in ("B", "R", "S", "D", "numEntityVectors", "batches") if key not in meta]
        if missing:
            raise InputError(
                f"{meta_path}: expected B, R, S, D, numEntityVectors and batches, {missing[0]} is missing."
            )
        self.batch_size, R, S, self.count = meta["B"], meta["R"], meta["S"], meta["batches"]
        self.dimension = meta["D"]
        self.entity_rows = meta["numEntityVectors"]

        def read(name, *shape, below=1 << 32):
            path = os.path.join(folder, name)
            values = np.fromfile(path, "<u4")
            expected = (self.count, self.batch_size, *shape)
            if values.size != np.prod(expected):
                raise InputError(f"{path}: expected {np.prod(expected)} numbers by {meta_path}, got {values.size}.")
            if values.size > 0 and values.max() >= below:
                raise InputError(f"{path}: expected numbers below {below}, got {values.max()}.")
            return values.reshape(expected)

        self._entity_row = read("entity_row.u32", below=self.entity_rows)
        self._address = read("address.u32", 1 + R)
        self._shuffled = read("shuffled.u32", S, below=self.batch_size)

    def __iter__(self):
        for entity_row, address, shuffled in zip(self._entity_row, self._address, self._shuffled):
            yield MiniBatch(entity_row.astype(np.int64), address, shuffled.astype(np.int64))


class Quality:
    """Honest events and as many attacks, on which every detector is judged."""

    def __init__(self, honest_path, attacks_path, numbers):
        self._honest = read_events(honest_path, numbers, known_only=True)
        self._attacks = read_events(attacks_path, numbers, known_only=True)

    def measure(self, dot_products):
        """
        dot_products  function of Events, f[n], high = expected
        Figures as src/ranking/roc.ts has them, exact with ties: attacks are the positive class.
        """
        honest = np.sort(-dot_products(self._honest))
        attacks = np.sort(-dot_products(self._attacks))
        if np.isnan(honest[-1]) or np.isnan(attacks[-1]):
            raise InputError("a dot product is not a number. Lower --learning-rate.")
        # Each attack beats the honest events below it, and half of those that it ties with.
        wins = np.searchsorted(honest, attacks, "left").sum() + np.searchsorted(honest, attacks, "right").sum()
        return {
            "areaUnderCurve": float(wins / (2 * len(honest) * len(attacks))),
            "falsePositiveRateAtTpr": {
                str(rate): false_positive_rate(honest, attacks, rate) for rate in (0.99, 0.999)
            },
            "honestEvents": len(honest),
            "attackEvents": len(attacks),
        }


def false_positive_rate(honest, attacks, true_positive_rate):
    """Share of honest events flagged by the highest threshold that catches that share of attacks; both ascending."""
    # Rounding must not ask for one attack more: .07 * 100 is 7.000000000000001.
    caught = max(1, int(np.ceil(true_positive_rate * len(attacks) * (1 - 1e-12))))
    threshold = attacks[-caught]
    return float((len(honest) - np.searchsorted(honest, threshold, "left")) / len(honest))
