#!/usr/bin/python3
"""
PyTorch at the training task: how fast, and how good.

    bench/peers/pytorch.py --train train.csv --threads 2 --batches 300                       # speed
    bench/peers/pytorch.py --train train.csv --quality honest.csv attacks.csv                # quality
    bench/peers/pytorch.py --train train.csv --quality … --until-fpr 0.04                    # seconds to quality

One JSON object on stdout. Preparing mini-batches (drawing, looking prefixes up, grouping) is timed apart from training,
though an implementation that trains from events has to do it: without it the figures are PyTorch's best case. Reading
the events and numbering their prefixes counts as neither, as for ours.
"""

import argparse
import math
import os
import platform
import re
import sys

sys.dont_write_bytecode = True

from command import InputError, Stopwatch, positive, run, tell  # noqa: E402

# Mini-batches that are prepared at once: few enough to fit into memory, enough to leave the caches to the training.
CHUNK = 50
# Mini-batches at the start whose time does not count: pages of new tables are still being mapped.
WARM_UP = 20


def read_options():
    parser = argparse.ArgumentParser(description="Trains with PyTorch and prints figures as JSON.")
    parser.add_argument("--train", required=True, metavar="FILE", help="CSV entity,address[,time], IPv4 only")
    parser.add_argument("--encoder", choices=("prefix", "dense"), default="prefix")
    parser.add_argument("--gradients", choices=("handwritten", "autograd"), default="handwritten")
    parser.add_argument("--optimizer", choices=("row-adam", "sparse-adam"), default="row-adam")
    parser.add_argument("--learning-rate", type=positive(float), default=0.01)
    parser.add_argument("--threads", type=positive(int), default=1)
    parser.add_argument("--epochs", type=positive(int), default=5)
    parser.add_argument("--batches", type=positive(int), metavar="N", help="stop after N mini-batches")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batches-from", metavar="FOLDER", help="take mini-batches from there (README.md)")
    parser.add_argument("--quality", nargs=2, metavar=("HONEST", "ATTACKS"), help="CSVs to be judged on")
    parser.add_argument("--until-fpr", type=float, metavar="RATE", help="stop at this FPR at TPR .99 or less")
    options = parser.parse_args()
    if options.until_fpr is not None and options.quality is None:
        parser.error("--until-fpr: expected --quality with it, as the rate is measured on that.")
    if options.batches_from is not None and options.quality is not None:
        parser.error("--quality: expected no --batches-from with it, as rows of entities are numbered otherwise there.")
    return options


options = read_options()
# Read once, when the libraries are loaded.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = str(options.threads)
# How long threads of OpenMP wait awake for each other. With GCC's own 300,000 rounds two threads are 1, 7 and 7 % faster
# (three pairs of runs), but beside one busy process they fell to 6,700 positives/s, with 100,000 rounds to 39,000.
# On a machine that does nothing else, set the variable to 300000.
os.environ.setdefault("GOMP_SPINCOUNT", "100000")

import numpy as np  # noqa: E402
import torch  # noqa: E402

from networks import DenseNetwork, PrefixNetwork  # noqa: E402
from task import DrawnBatches, Prefixes, Quality, StoredBatches, read_events  # noqa: E402


def main():
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    reading, preparing, warming_up, training, evaluating = (Stopwatch() for _ in range(5))
    with reading:
        numbers = {}
        events = read_events(options.train, numbers)
        if options.batches_from is None:
            batches = DrawnBatches(events, options.epochs, options.seed)
        else:
            batches = StoredBatches(options.batches_from)
        quality = None if options.quality is None else Quality(*options.quality, numbers)
        network = build_network(events, batches)
    last = batches.count if options.batches is None else min(options.batches, batches.count)
    per_epoch = -(-events.count // batches.batch_size)
    # Half epochs end at these numbers of mini-batches.
    marks = {(half * per_epoch + 1) // 2 for half in range(1, 2 * options.epochs + 1)} | {last}
    measured = []
    positives = counted = pairs = 0
    loss = right = torch.zeros((), dtype=torch.float64)
    done = 0
    source = iter(batches)
    while done < last:
        stop = min([done + CHUNK, *(mark for mark in marks if mark > done)])
        if done < WARM_UP < last:
            stop = min(stop, WARM_UP)
        with preparing:
            prepared = [network.prepare(next(source)) for _ in range(stop - done)]
        # Runs that are over before they are warm count as they are.
        watch = warming_up if stop <= WARM_UP < last else training
        with watch:
            for batch in prepared:
                # As in src/neural/train.ts: linear to zero over the whole training.
                part = (done // per_epoch * events.count + done % per_epoch * batches.batch_size) / (
                    options.epochs * events.count
                )
                batch_loss, batch_right = network.step(
                    batch, options.learning_rate * max(0.0, 1 - part), options.gradients
                )
                # Loss and accuracy are those since the start of the epoch, as ours.
                if done % per_epoch == 0:
                    loss, right, pairs = torch.zeros((), dtype=torch.float64), 0, 0
                loss = loss + batch_loss
                right = right + batch_right
                pairs += batch.size * batch.pairs_per_positive
                positives += batch.size
                if watch is training:
                    counted += batch.size
                done += 1
        if not math.isfinite(float(loss)):
            raise InputError(
                f"batch {done}: loss is {float(loss)}. Lower --learning-rate (now {options.learning_rate})."
            )
        if quality is not None and done in marks:
            with evaluating:
                figures = quality.measure(
                    lambda asked: network.dot_products(asked.entity % batches.entity_rows, asked.address)
                )
            seconds = warming_up.seconds + training.seconds
            measured.append(
                {
                    "epochs": done / per_epoch,
                    "seconds": seconds,
                    "secondsPreparing": preparing.seconds,
                    **figures,
                }
            )
            rate = figures["falsePositiveRateAtTpr"]["0.99"]
            tell(f"epoch {done / per_epoch:.2f}: {seconds:.1f} s, AUC {figures['areaUnderCurve']:.4f}, FPR {rate:.4f}")
            if options.until_fpr is not None and rate <= options.until_fpr:
                break
    reached = options.until_fpr is not None and measured[-1]["falsePositiveRateAtTpr"]["0.99"] <= options.until_fpr
    return {
        "peer": "pytorch",
        "encoder": options.encoder,
        "gradients": options.gradients,
        "optimizer": options.optimizer,
        "learningRate": options.learning_rate,
        "epochs": options.epochs,
        "threads": options.threads,
        "seed": options.seed,
        "positivesPerSecond": counted / training.seconds,
        "seconds": warming_up.seconds + training.seconds,
        "secondsReading": reading.seconds,
        "secondsPreparing": preparing.seconds,
        "secondsEvaluating": evaluating.seconds,
        "batches": done,
        "positives": positives,
        "lossNats": float(loss) / pairs,
        "accuracy": float(right) / pairs,
        "quality": measured[-1] if measured else None,
        "qualityOverTime": measured,
        "secondsToQuality": measured[-1]["seconds"] if reached else None,
        "secondsToQualityWithPreparing": measured[-1]["seconds"] + measured[-1]["secondsPreparing"]
        if reached
        else None,
        "versions": versions(),
    }


def build_network(events, batches):
    if options.encoder == "dense":
        return DenseNetwork(batches.entity_rows, batches.dimension, options.optimizer)
    return PrefixNetwork(Prefixes(events.address), batches.entity_rows, batches.dimension, options.optimizer)


def versions():
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "blas": loaded_blas(),
    }


def loaded_blas():
    """The BLAS library in use, which Debian lets the system choose; None where it cannot be told."""
    try:
        with open("/proc/self/maps", encoding="utf-8") as maps:
            paths = {line.split()[-1] for line in maps if re.search("lib(openblas|blas|mkl)", line)}
    except OSError:
        return None
    # Debian's folder says which threads a library uses, its name does not.
    return ", ".join(sorted("/".join(path.split("/")[-2:]) for path in paths)) or None


run(main)
