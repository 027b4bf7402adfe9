"""
The networks in PyTorch, each with two ways to its gradients:

autograd     as one would write it first: modules with sparse gradients, a loss, backward().
handwritten  a mini-batch knows in advance which pairs touch which row. Then the gradient of each distinct row is
             one call of embedding_bag, weighted by the errors of the pairs: nothing is added up twice, sorted or
             coalesced. (index_add_ in place of it: 3.2 ms for 27,000 rows of 128, embedding_bag 0.3 ms.)

Dimensions: B positives, R random and S shuffled negatives, A = B(1 + R) addresses, pairs B(1 + R + S), D vector,
U distinct rows of a mini-batch.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

ENTITY_START_DEVIATION = 0.05
WEIGHT_DECAY = 1e-5
# src/kernels/kernels.ts: MOMENT_DECAY, MOMENT_EPSILON, FULL_STEPS.
MOMENT_DECAY = 0.999
MOMENT_EPSILON = 1e-8
FULL_STEPS = 25


class RowAdam:
    """
    The optimiser of src/kernels/plain.ts, updateRows: Adam without momentum, one second moment for a row, corrected
    by the row's own number of steps, and steps that shrink from the row's FULL_STEPS-th on.
    """

    def __init__(self, weight):
        self._weight = weight.detach()
        self._moment = torch.zeros(len(weight))
        self._steps = torch.zeros(len(weight))

    def move(self, rows, vectors, gradients, learning_rate):
        """vectors: the rows as they are, f32[U, D], changed"""
        moment = torch.linalg.vector_norm(gradients, dim=1).square_().mul_((1 - MOMENT_DECAY) / gradients.shape[1])
        moment.add_(self._moment.index_select(0, rows), alpha=MOMENT_DECAY)
        steps = self._steps.index_select(0, rows).add_(1)
        self._moment[rows] = moment
        self._steps[rows] = steps
        root = moment.div_(1 - MOMENT_DECAY**steps).sqrt_().add_(MOMENT_EPSILON)
        scale = steps.reciprocal_().mul_(FULL_STEPS).clamp_(max=1).sqrt_().mul_(learning_rate).div_(root)
        # Adding in place and storing is twice as fast as index_add_ into the table.
        self._weight[rows] = vectors.addcmul_(gradients, scale[:, None], value=-1)


class SparseAdam:
    """PyTorch's own: moments of every component, with momentum, moved only where a row is touched."""

    def __init__(self, weight):
        self._weight = weight
        # The list form alone is accepted by every version of PyTorch.
        self._optimizer = torch.optim.SparseAdam([weight], lr=1)

    def move(self, rows, _vectors, gradients, learning_rate):
        sparse = torch.sparse_coo_tensor(rows[None], gradients, self._weight.shape)
        # Rows are distinct and ascending: saying so saves sorting them again.
        self._weight.grad = sparse._coalesced_(True)
        self._optimizer.param_groups[0]["lr"] = learning_rate
        self._optimizer.step()


OPTIMIZERS = {"row-adam": RowAdam, "sparse-adam": SparseAdam}


class Lists:
    """Lists of pairs, each with the vector that it multiplies by the pair's error."""

    def __init__(self, starts, pairs, vectors):
        self._starts = index32(starts)
        self._pairs = index32(pairs)
        self._vectors = index32(vectors)

    def weighted_sums(self, vectors, errors):
        """f32[lists, D]: Σ errors[pair] · vectors[vector] over each list"""
        weights = errors.view(-1).index_select(0, self._pairs)
        return F.embedding_bag(self._vectors, vectors, self._starts, mode="sum", per_sample_weights=weights)


def index32(values):
    return torch.from_numpy(np.ascontiguousarray(values, np.int32))


def index64(values):
    return torch.from_numpy(np.ascontiguousarray(values, np.int64))


def starts_of(lengths):
    """Where each of the lists begins that stand one after the other."""
    return np.cumsum(lengths) - lengths


class Groups:
    """Items by their keys: the distinct keys, ascending, and the items of each one after the other."""

    def __init__(self, keys, key_space):
        counts = np.bincount(keys, minlength=key_space)
        self.keys = np.flatnonzero(counts)
        self.starts = starts_of(counts[self.keys])
        self._place = np.zeros(key_space, np.uint32)
        self._place[self.keys] = np.arange(len(self.keys))
        place = self._place[keys]
        # NumPy sorts 16-bit numbers by radix, several times faster than others.
        self.items = np.argsort(place.astype(np.uint16) if len(self.keys) < 1 << 16 else place, kind="stable")

    def place(self, keys):
        """Which of the distinct keys each one is."""
        return self._place[keys]


class Prepared:
    """What can be said of a mini-batch before its vectors are known."""

    def __init__(self, batch, entity_rows):
        B, width = batch.address.shape  # width = 1 + R
        self.size = B
        self.random_rate = width - 1
        self.entity_row = index64(batch.entity_row)
        self.shuffled = index64(batch.shuffled.ravel() * width)  # numbers of addresses
        pair_address = np.concatenate([np.arange(B * width).reshape(B, width), batch.shuffled * width], 1)
        self.pair_address = pair_address.ravel()
        self.pairs_per_positive = pair_address.shape[1]
        pairs = np.arange(pair_address.size)
        groups = Groups(np.repeat(batch.entity_row, self.pairs_per_positive), entity_rows)
        self.distinct_entities = index64(groups.keys)
        self.pairs_of_entity = Lists(groups.starts, pairs[groups.items], self.pair_address[groups.items])


class Network:
    """Entity vectors and what both encoders share. Subclasses encode addresses and learn from errors."""

    def __init__(self, entity_rows, dimension, optimizer):
        # src/neural/train.ts draws them uniformly, too.
        width = ENTITY_START_DEVIATION * 3**0.5
        self.entities = nn.Embedding(entity_rows, dimension, sparse=True)
        nn.init.uniform_(self.entities.weight, -width, width)
        self._entity_optimizer = OPTIMIZERS[optimizer](self.entities.weight)

    def step(self, prepared, learning_rate, gradients):
        """One step of training; returns the loss in nats and the right answers, summed over pairs."""
        if gradients == "autograd":
            return self._autograd_step(prepared, learning_rate)
        with torch.no_grad():
            return self._handwritten_step(prepared, learning_rate)

    def _autograd_step(self, prepared, learning_rate):
        entity = self.entities(prepared.entity_row)
        dots = dot_products(entity, self.encode(prepared), prepared)
        labels = torch.zeros_like(dots)
        labels[:, 0] = 1
        loss = F.binary_cross_entropy_with_logits(dots, labels, reduction="sum")
        (loss / prepared.size).backward()
        with torch.no_grad():
            move_touched_rows(self.entities.weight, self._entity_optimizer, learning_rate)
            self._move_encoder(learning_rate)
            return loss.detach(), count_right(dots)

    def _handwritten_step(self, prepared, learning_rate):
        entity = self.entities.weight.index_select(0, prepared.entity_row)
        encoded = self.encode_distinct(prepared)
        dots = dot_products(entity, encoded.detach(), prepared)
        errors = torch.sigmoid(dots)
        errors[:, 0].sub_(1)
        errors.div_(prepared.size)
        d_entities = prepared.pairs_of_entity.weighted_sums(encoded.detach(), errors)
        self.learn(prepared, entity, encoded, errors, learning_rate)
        rows = prepared.distinct_entities
        vectors = self.entities.weight.index_select(0, rows)
        d_entities.add_(vectors, alpha=WEIGHT_DECAY)
        self._entity_optimizer.move(rows, vectors, d_entities, learning_rate)
        # softplus(x) = -ln sigmoid(-x)
        loss = F.softplus(-dots[:, 0]).sum() + F.softplus(dots[:, 1:]).sum()
        return loss, count_right(dots)

    @torch.no_grad()
    def dot_products(self, entity_row, addresses):
        """High = expected. f32[n] in NumPy"""
        parts = []
        for start in range(0, len(addresses), 10_000):
            part = slice(start, start + 10_000)
            entity = self.entities.weight.index_select(0, torch.from_numpy(entity_row[part]))
            parts.append((entity * self.encode_addresses(addresses[part])).sum(1).numpy())
        return np.concatenate(parts)


def dot_products(entity, encoded, prepared):
    """f32[B, 1 + R + S]. Products and their sum: bmm takes twelve times as long, being a loop over B without MKL."""
    B, D = entity.shape
    own = (encoded.view(B, 1 + prepared.random_rate, D) * entity[:, None]).sum(-1)
    taken = (encoded.index_select(0, prepared.shuffled).view(B, -1, D) * entity[:, None]).sum(-1)
    return torch.cat([own, taken], 1)


def count_right(dots):
    """Pairs on the right side of 0; none is at 0."""
    return (dots[:, 0] > 0).sum() + (dots[:, 1:] < 0).sum()


def move_touched_rows(weight, optimizer, learning_rate):
    sparse = weight.grad.coalesce()
    weight.grad = None
    rows, gradients = sparse.indices()[0], sparse.values()
    vectors = weight.index_select(0, rows)
    gradients.add_(vectors, alpha=WEIGHT_DECAY)
    optimizer.move(rows, vectors, gradients, learning_rate)
    weight.grad = None


class PrefixNetwork(Network):
    """Our model: an address's vector is the sum of the vectors of its prefixes."""

    def __init__(self, prefixes, entity_rows, dimension, optimizer):
        super().__init__(entity_rows, dimension, optimizer)
        self._prefixes = prefixes
        self._bag = nn.EmbeddingBag(prefixes.count, dimension, mode="sum", sparse=True)
        nn.init.zeros_(self._bag.weight)
        self._optimizer = OPTIMIZERS[optimizer](self._bag.weight)

    def prepare(self, batch):
        prepared = Prepared(batch, self.entities.num_embeddings)
        addresses = batch.address.ravel()
        rows, lengths = self._prefixes.rows_of(addresses)
        # A pair asks something of every row of its address.
        pair_rows, pair_lengths = self._prefixes.rows_of(addresses[prepared.pair_address])
        pair = np.repeat(np.arange(len(pair_lengths)), pair_lengths)
        groups = Groups(pair_rows, self._prefixes.count)
        pairs = pair[groups.items]
        prepared.starts = index32(starts_of(lengths))
        prepared.rows = index32(rows)
        prepared.distinct_rows = index64(groups.keys)
        prepared.places = index32(groups.place(rows))
        prepared.pairs_of_row = Lists(groups.starts, pairs, pairs // prepared.pairs_per_positive)
        return prepared

    def encode(self, prepared):
        return self._bag(prepared.rows, prepared.starts)

    def encode_distinct(self, prepared):
        # Rows lie far apart in a table larger than the caches: they are fetched once for encoding and moving.
        self._vectors = self._bag.weight.index_select(0, prepared.distinct_rows)
        return F.embedding_bag(prepared.places, self._vectors, prepared.starts, mode="sum")

    def learn(self, prepared, entity, _encoded, errors, learning_rate):
        gradients = prepared.pairs_of_row.weighted_sums(entity, errors)
        gradients.add_(self._vectors, alpha=WEIGHT_DECAY)
        self._optimizer.move(prepared.distinct_rows, self._vectors, gradients, learning_rate)

    def _move_encoder(self, learning_rate):
        move_touched_rows(self._bag.weight, self._optimizer, learning_rate)

    def encode_addresses(self, addresses):
        rows, lengths = self._prefixes.rows_of(addresses)
        return self._bag(index32(rows), index32(starts_of(lengths)))


class DenseNetwork(Network):
    """Two fully connected layers over the 32 bits of an address, as AWS describes its encoder."""

    HIDDEN = 128

    def __init__(self, entity_rows, dimension, optimizer):
        super().__init__(entity_rows, dimension, optimizer)
        self._layers = nn.Sequential(nn.Linear(32, self.HIDDEN), nn.ReLU(), nn.Linear(self.HIDDEN, dimension))
        self._optimizer = torch.optim.Adam(self._layers.parameters(), weight_decay=WEIGHT_DECAY)

    def prepare(self, batch):
        prepared = Prepared(batch, self.entities.num_embeddings)
        prepared.bits = bits_of(batch.address.ravel())
        groups = Groups(prepared.pair_address, batch.address.size)
        prepared.pairs_of_address = Lists(
            groups.starts, groups.items, groups.items // prepared.pairs_per_positive
        )
        return prepared

    def encode(self, prepared):
        return self._layers(prepared.bits)

    def encode_distinct(self, prepared):
        with torch.enable_grad():
            return self._layers(prepared.bits)

    def learn(self, prepared, entity, encoded, errors, learning_rate):
        encoded.backward(prepared.pairs_of_address.weighted_sums(entity, errors))
        self._move_encoder(learning_rate)

    def _move_encoder(self, learning_rate):
        self._optimizer.param_groups[0]["lr"] = learning_rate
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)

    def encode_addresses(self, addresses):
        return self._layers(bits_of(addresses))


def bits_of(addresses):
    """f32[n, 32], highest bit first, -1 or 1."""
    octets = addresses.astype(">u4").view(np.uint8).reshape(-1, 4)
    return torch.from_numpy(np.unpackbits(octets, axis=1).astype(np.float32) * 2 - 1)
