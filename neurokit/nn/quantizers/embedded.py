"""Scalars in successive thirds: every level makes the cells of some entries finer."""

import math

import torch
from torch import Tensor

from neurokit.nn.quantizers.common import (
    Quantized,
    Quantizer,
    check_codes,
    check_levels,
    check_positive,
    check_vectors,
    drop_levels,
)

_REACH = 4.0  # root mean squares that the outermost values lie from zero
_MOST = 5  # digits of an entry: 243 values


class EmbeddedScalarQuantizer(Quantizer):
    """Round each entry to a grid and send the number of its value in digits, coarse ones first.

    A value of entry ``i`` is a number of ``d`` digits of base three; the first digit says which
    third of the range it lies in, the next which third of that, and so on, so that tokens cut
    off after any level still decode to the middle of what is known (an embedded quantiser [1]_).
    Digits are dealt out once, on the first training batch: entries of large root mean square
    get many, small ones few, so that what is left unknown is alike; each level holds as many
    digits as its codes have room for, those first that tell most.

    All entries share one ``step``, as is best for the squared error when codes are entropy
    coded [2]_; where an entry's digits do not reach four root mean squares with it, its outer
    cells grow. What lies just outside a cell is still rounded into it if that is nearer to zero
    (``dead_zone``): values nearer to zero cost fewer bits.

    Parameters
    ----------
    dim : int
        Length of the vectors.
    n_levels : int
        Number of codes per vector.
    codebook_size : int, default=256
        Codes of a level, at least 3: the largest power of three in it is used.
    step : float, default=0.5
        Distance of neighbouring values near zero.
    dead_zone : float, default=0.1
        How far boundaries move outwards, in steps; from 0 to less than 0.5.
    quantizer_dropout : float, default=0.0
        Share of the training items (entries of the first axis) that keep only their first
        levels, their number drawn evenly.

    Attributes
    ----------
    layout : Tensor of shape (n_levels, n_digits), int64
        Entry that each digit belongs to, the most significant first; -1 for none.
    cells : Tensor of shape (dim, n_cells)
        Values of each entry, ascending; those that it does not have are infinite.
    codebook_sizes : tuple of int
        Number of codes in each column of ``codes``.

    References
    ----------
    .. [1] Taubman and Marcellin (2002), JPEG2000: image compression fundamentals, standards and
       practice, section 3.2.7.
    .. [2] Gish and Pierce (1968), Asymptotically efficient quantizing, IEEE Trans. Inf. Theory
       14(5), 676-683.

    Examples
    --------
    >>> x = torch.randn(512, 8, generator=torch.Generator().manual_seed(0))
    >>> quantizer = EmbeddedScalarQuantizer(8, n_levels=4)
    >>> values, codes, loss = quantizer(x)
    >>> codes.shape
    torch.Size([512, 4])
    >>> quantizer = quantizer.eval()
    >>> error = [(quantizer.decode(codes, n) - x).square().mean() for n in (1, 2, 3, 4)]
    >>> bool(error[0] > error[1] > error[2] > error[3])
    True
    """

    layout: Tensor
    cells: Tensor
    means: Tensor
    initialised: Tensor

    def __init__(
        self,
        dim: int,
        *,
        n_levels: int,
        codebook_size: int = 256,
        step: float = 0.5,
        dead_zone: float = 0.1,
        quantizer_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        check_positive(name, dim=dim, n_levels=n_levels, codebook_size=codebook_size)
        if codebook_size < 3:
            raise ValueError(f"{name}: codebook_size must be at least 3, got {codebook_size}.")
        if not step > 0:
            raise ValueError(f"{name}: step must be positive, got {step!r}.")
        if not 0 <= dead_zone < 0.5:
            raise ValueError(f"{name}: dead_zone must be in [0, 0.5), got {dead_zone!r}.")
        if not 0 <= quantizer_dropout <= 1:
            raise ValueError(
                f"{name}: quantizer_dropout must be in [0, 1], got {quantizer_dropout!r}."
            )
        self.dim = dim
        self.n_levels = n_levels
        self.codebook_size = codebook_size
        self.step = step
        self.dead_zone = dead_zone
        self.quantizer_dropout = quantizer_dropout
        n_digits = 1
        while 3 ** (n_digits + 1) <= codebook_size:
            n_digits += 1
        self.register_buffer("layout", torch.full((n_levels, n_digits), -1))
        self.register_buffer("cells", torch.full((dim, 3**_MOST), torch.inf))
        self.register_buffer("means", torch.zeros(dim, (3 ** (_MOST + 1) - 1) // 2))
        self.register_buffer("initialised", torch.tensor(False))
        self.start(torch.ones(1, dim))
        self.initialised.fill_(False)

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        """Number of codes in each column of ``codes``."""
        return tuple(3 ** int(n) for n in (self.layout >= 0).sum(1))

    def forward(self, x: Tensor) -> Quantized:
        """Quantise ``x`` of shape (..., dim); gradients pass straight through.

        The loss is what the codes will cost after entropy coding, in bits per entry but for a
        constant: the binary logarithm of each entry's mean magnitude in its item, as if values
        followed a Laplace distribution that the coder knows.
        """
        check_vectors(self, x)
        with torch.autocast(x.device.type, enabled=False):
            rows = x.reshape(-1, self.dim).float()
            if self.training and not self.initialised:
                self.start(rows.detach())
            codes = self.encode(rows)
            if self.training and self.quantizer_dropout > 0:
                n_items = x.shape[0] if x.ndim > 1 else 1
                codes = drop_levels(codes, n_items, self.quantizer_dropout)
            # beyond the outermost values nothing is to be gained by going further
            reach = self.cells.float().masked_fill(self.cells.isinf(), 0).amax(1)
            inside = torch.minimum(torch.maximum(rows, -reach), reach)
            values = inside + (self.decode(codes).float() - inside).detach()
            items = rows.reshape(x.shape[0] if x.ndim > 2 else 1, -1, self.dim)
            loss = torch.log2(items.abs().mean(1) / self.step + 0.3).mean()
        return Quantized(
            values.reshape(x.shape).to(x.dtype), codes.reshape(*x.shape[:-1], -1), loss
        )

    @torch.no_grad()
    def encode(self, x: Tensor, n_levels: int | None = None, beam: int = 1) -> Tensor:
        """Find the codes of ``x`` (..., dim), as int64 of shape (..., level).

        Parameters
        ----------
        x : Tensor of shape (..., dim)
            Finite vectors of any floating dtype.
        n_levels : int, optional
            Levels to use, from the first. Default: all.
        beam : int, default=1
            Ignored: entries are rounded one by one, and there is nothing to search.
        """
        check_vectors(self, x)
        n_levels = check_levels(self, n_levels)
        rows = x.reshape(-1, self.dim).float()
        if rows.numel() and not torch.isfinite(torch.stack(torch.aminmax(rows))).all():
            raise ValueError(
                f"{type(self).__name__}: vectors must be finite, got NaN or infinity; remove or"
                " fill those samples first."
            )
        depth = self.depth()
        left = []  # digits of each entry that are still to come, as one number
        for i in range(self.dim):
            left.append(torch.bucketize(rows[:, i].contiguous(), self.bounds(i, depth[i])))
        codes = torch.zeros(len(rows), n_levels, dtype=torch.int64, device=x.device)
        for level, entries in enumerate(self.entries()[:n_levels]):
            for i in entries:
                depth[i] -= 1
                digit = left[i] // 3 ** depth[i]
                left[i] = left[i] % 3 ** depth[i]
                codes[:, level] = 3 * codes[:, level] + digit
        return codes.reshape(*x.shape[:-1], n_levels)

    @torch.no_grad()
    def decode(self, codes: Tensor, n_levels: int | None = None) -> Tensor:
        """Give the mean of what ``codes`` (..., level) stand for, in the dtype of ``means``.

        Parameters
        ----------
        codes : Tensor of shape (..., level), integer
            At least ``n_levels`` columns; -1 says nothing.
        n_levels : int, optional
            Levels to use, from the first. Default: as many as ``codes`` has.
        """
        n_levels = check_codes(self, codes, n_levels, max(self.codebook_sizes))
        rows = codes[..., :n_levels].reshape(-1, n_levels).long()
        zero = torch.zeros(len(rows), dtype=torch.int64, device=rows.device)
        node = [zero] * self.dim  # in the tree of digits, breadth first
        for level, entries in enumerate(self.entries()[:n_levels]):
            code = rows[:, level]
            for k, i in enumerate(entries):
                digit = code // 3 ** (len(entries) - 1 - k) % 3
                node[i] = torch.where(code >= 0, 3 * node[i] + 1 + digit, node[i])
        values = torch.stack([self.means[i][node[i]] for i in range(self.dim)], -1)
        return values.reshape(*codes.shape[:-1], self.dim)

    @torch.no_grad()
    def start(self, x: Tensor) -> None:
        """Deal the digits to the entries of vectors like ``x`` (n, dim)."""
        x = x.detach().cpu().double()  # sums in an order that is always the same
        size = x.square().mean(0).sqrt().tolist()
        n_levels, width = self.layout.shape
        depth = [0] * self.dim
        for _ in range(n_levels * width):
            unknown = [
                size[i] / 3 ** depth[i] if depth[i] < _MOST else 0.0 for i in range(self.dim)
            ]
            if max(unknown) > 0:
                depth[unknown.index(max(unknown))] += 1
        self.cells.fill_(torch.inf)
        self.means.zero_()
        gain = []  # by which each digit lowers the error, for each bit that it costs
        for i, n in enumerate(depth):
            values = _grid(n, self.step, _REACH * size[i])
            self.cells[i, : 3**n] = values.to(self.cells)
            means, slopes = _tree(x[:, i].contiguous(), values, self.bounds(i, n).cpu())
            self.means[i, : len(means)] = means.to(self.means)
            gain.append(slopes)
        order = []
        taken = [0] * self.dim
        for _ in range(sum(depth)):
            best = max(
                (i for i in range(self.dim) if taken[i] < depth[i]),
                key=lambda i: max(gain[i][taken[i] :]),
            )
            order.append(best)
            taken[best] += 1
        order += [-1] * (n_levels * width - len(order))
        self.layout.copy_(torch.tensor(order).reshape(n_levels, width))
        self.initialised.fill_(True)

    def entries(self) -> list[list[int]]:
        """Entry of each digit, level by level."""
        return [[i for i in entries if i >= 0] for entries in self.layout.tolist()]

    def depth(self) -> list[int]:
        """Digits of each entry."""
        flat = self.layout.flatten().tolist()
        return [flat.count(i) for i in range(self.dim)]

    def bounds(self, i: int, n_digits: int) -> Tensor:
        """Boundaries between the values of one entry."""
        values = self.cells[i, : 3**n_digits].float()
        middle, gap = (values[1:] + values[:-1]) / 2, values[1:] - values[:-1]
        return middle + self.dead_zone * gap * middle.sign()


def _grid(n_digits: int, step: float, reach: float) -> Tensor:
    """Give the ascending values of an entry: evenly spaced, or growing outwards to ``reach``."""
    n = (3**n_digits - 1) // 2
    k = torch.arange(-n, n + 1, dtype=torch.float64)
    if n * step >= reach or n == 0:
        return k * step
    low, high = step / 50, 1e3 * step  # how soon steps begin to grow: s sinh(n step / s) = reach
    for _ in range(60):
        s = (low * high) ** 0.5
        far = n * step / s > 30 or s * math.sinh(n * step / s) > reach
        low, high = (s, high) if far else (low, s)
    return high * torch.sinh(k * step / high)


def _tree(x: Tensor, values: Tensor, bounds: Tensor) -> tuple[Tensor, list[float]]:
    """Means of ``x`` behind each string of digits, and what each digit gains for its bits."""
    cell = torch.bucketize(x, bounds.to(x))
    means, errors, bits = [], [], []
    for size in (len(values) // 3**k for k in range(round(math.log(len(values), 3)) + 1)):
        node = cell // size
        n = len(values) // size
        count = torch.bincount(node, minlength=n).double()
        total = torch.bincount(node, x, minlength=n)
        # a cell that hardly anything falls into stands for its middle
        mean = (total + values[size // 2 :: size].to(x)) / (count + 1)
        means.append(mean)
        errors.append(float((x - mean[node]).square().mean()))
        share = count / len(x)
        bits.append(-float(torch.special.xlogy(share, share).sum()))
    slopes = [
        (errors[k] - errors[k + 1]) / max(bits[k + 1] - bits[k], 1e-3)
        for k in range(len(errors) - 1)
    ]
    return torch.cat(means), slopes
