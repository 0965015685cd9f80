"""Quantisers with codebooks: vectors to integer codes and back, as torch modules."""

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neurokit.nn.draws import generator
from neurokit.nn.quantizers.common import (
    Quantized,
    Quantizer,
    check_codes,
    check_levels,
    check_positive,
    check_vectors,
    drop_levels,
    linear,
)
from neurokit.nn.quantizers.kept import find_codes
from neurokit.nn.quantizers.search import Tables, bias_of, nearest, search

_KMEANS_STEPS = 10
_FADED = 1e-12  # use below which a moving average no longer says where its code is
_TINY = 1e-20


class ResidualVectorQuantizer(Quantizer):
    """Quantise vectors in stages, each stage coding what the stages before it left over.

    Codebooks start by k-means on the first training batch and follow the data as moving
    averages, not by gradient. All of it is free of scale: latents a thousand times larger give
    the same codes. Codes are found by one fused kernel, in numba on the processor and in Triton
    on CUDA; a vector's codes never depend on the batch around it, and of equally good codes the
    lowest wins. Random draws (k-means start, revival, dropout) come from torch's generator.

    Parameters
    ----------
    dim : int
        Length of the vectors.
    n_levels : int
        Number of stages.
    codebook_size : int
        Codes per stage.
    codebook_dim : int, optional
        Length of the code vectors. If given, every stage projects its residual there with a
        learned linear map, searches, and projects back. Default: ``dim``, without projections.
    cosine : bool, default=False
        Search unit vectors by direction instead of free vectors by distance.
    decay : float, default=0.99
        How much of the moving averages a batch leaves in place, between 0 and 1.
    commitment : float, default=0.25
        Weight of the loss that draws vectors to their codes (averaged over stages).
    revive_threshold : float, default=2.0
        Codes used less than this, in vectors per batch, restart at a random vector of the batch;
        0 turns this off. Batches with fewer than four thresholds per code lower it to a
        quarter of the mean use, so that a small batch does not kill the codebook.
    kmeans_init : bool, default=True
        Start from k-means on the first training batch; otherwise from normal noise.
    quantizer_dropout : float, default=0.0
        Share of the training items (entries of the first axis) that keep only their first
        levels, their number drawn evenly, so that few levels decode well too.
    rotation_trick : bool, default=True
        Rotate and scale gradients from the code to the vector instead of copying them [2]_.
    stage_gain : bool, default=True
        With ``cosine``: scale each stage's unit vectors to the residuals they stand for. Without
        it residuals need not shrink from stage to stage.

    Attributes
    ----------
    codebooks : Tensor of shape (n_levels, codebook_size, codebook_dim)
        Code vectors; of unit length with ``cosine``.
    gains : Tensor of shape (n_levels,)
        Factor of each stage's code vectors; 1 unless ``cosine`` and ``stage_gain``.
    codebook_sizes : tuple of int
        Number of codes in each column of ``codes``.

    References
    ----------
    .. [1] Zeghidour et al. (2021), SoundStream: an end-to-end neural audio codec,
       arXiv:2107.03312, algorithm 1.
    .. [2] Fifty et al. (2024), Restructuring vector quantization with the rotation trick,
       arXiv:2410.06424, section 4.
    .. [3] van den Oord et al. (2017), Neural discrete representation learning, appendix A.1
       (moving averages).

    Examples
    --------
    >>> x = torch.randn(512, 8, generator=torch.Generator().manual_seed(0))
    >>> quantizer = ResidualVectorQuantizer(8, n_levels=3, codebook_size=64)
    >>> values, codes, loss = quantizer(x)
    >>> codes.shape
    torch.Size([512, 3])
    >>> quantizer = quantizer.eval()
    >>> error = [(quantizer.decode(codes, n) - x).square().mean() for n in (1, 2, 3)]
    >>> bool(error[0] > error[1] > error[2])
    True
    """

    codebooks: Tensor
    codebook_sums: Tensor
    cluster_sizes: Tensor
    gains: Tensor
    initialised: Tensor

    def __init__(
        self,
        dim: int,
        *,
        n_levels: int,
        codebook_size: int,
        codebook_dim: int | None = None,
        cosine: bool = False,
        decay: float = 0.99,
        commitment: float = 0.25,
        revive_threshold: float = 2.0,
        kmeans_init: bool = True,
        quantizer_dropout: float = 0.0,
        rotation_trick: bool = True,
        stage_gain: bool = True,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        width = dim if codebook_dim is None else codebook_dim
        check_positive(
            name, dim=dim, n_levels=n_levels, codebook_size=codebook_size, codebook_dim=width
        )
        if not 0 <= decay < 1:
            raise ValueError(f"{name}: decay must be in [0, 1), got {decay!r}.")
        if not 0 <= quantizer_dropout <= 1:
            raise ValueError(
                f"{name}: quantizer_dropout must be in [0, 1], got {quantizer_dropout!r}."
            )
        if revive_threshold < 0:
            raise ValueError(
                f"{name}: revive_threshold must not be negative, got {revive_threshold!r}."
            )
        self.dim = dim
        self.n_levels = n_levels
        self.codebook_size = codebook_size
        self.codebook_dim = width
        self.cosine = cosine
        self.decay = decay
        self.commitment = commitment
        self.revive_threshold = revive_threshold
        self.kmeans_init = kmeans_init
        self.quantizer_dropout = quantizer_dropout
        self.rotation_trick = rotation_trick
        self.stage_gain = stage_gain
        codebooks = torch.randn(n_levels, codebook_size, width)
        if cosine:
            codebooks = F.normalize(codebooks, dim=-1)
        # averages and their counts must agree from the first step on: sums = codebooks * sizes
        self.register_buffer("codebooks", codebooks)
        self.register_buffer("codebook_sums", codebooks.clone())
        self.register_buffer("cluster_sizes", torch.ones(n_levels, codebook_size))
        self.register_buffer("gains", torch.ones(n_levels))
        self.register_buffer("initialised", torch.tensor(not kmeans_init))
        self.project_in: nn.ModuleList | None = None
        self.project_out: nn.ModuleList | None = None
        if codebook_dim is not None:
            into = [nn.Linear(dim, width) for _ in range(n_levels)]
            out = [nn.Linear(width, dim) for _ in range(n_levels)]
            # stages start as projections onto subspaces: what is left over can only shrink
            for there, back in zip(into, out, strict=True):
                nn.init.orthogonal_(there.weight)
                with torch.no_grad():
                    back.weight.copy_(there.weight.pinverse())
                nn.init.zeros_(there.bias)
                nn.init.zeros_(back.bias)
            self.project_in, self.project_out = nn.ModuleList(into), nn.ModuleList(out)

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        """Number of codes in each column of ``codes``."""
        return (self.codebook_size,) * self.n_levels

    def forward(self, x: Tensor) -> Quantized:
        """Quantise ``x`` of shape (..., dim); in training mode the codebooks learn from it."""
        check_vectors(self, x)
        # half precision or autocast would round residuals to fewer bits than the stages resolve
        with torch.autocast(x.device.type, enabled=False):
            rows = x.reshape(-1, self.dim).float()
            if self.training:
                if not len(rows):
                    raise ValueError(f"{type(self).__name__}: cannot learn from an empty batch.")
                if not self.initialised:
                    self._start(rows.detach())
            codes = self.encode(rows)
            if self.training and self.quantizer_dropout > 0:
                n_items = x.shape[0] if x.ndim > 1 else 1
                codes = drop_levels(codes, n_items, self.quantizer_dropout)
            values, loss = self._follow(rows, codes)
        return Quantized(
            values.reshape(x.shape).to(x.dtype), codes.reshape(*x.shape[:-1], -1), loss
        )

    @torch.no_grad()
    def encode(self, x: Tensor, n_levels: int | None = None, beam: int = 1) -> Tensor:
        """Find the codes of ``x`` (..., dim), as int64 of shape (..., level).

        Parameters
        ----------
        x : Tensor of shape (..., dim)
            Finite vectors of any floating dtype; distances are computed in float32.
        n_levels : int, optional
            Stages to use, from the first. Default: all.
        beam : int, default=1
            Paths kept from stage to stage. 1 takes the nearest code at every stage; more find
            codes whose sum comes closer, never farther, at about ``beam`` times the work.
        """
        check_vectors(self, x)
        n_levels = check_levels(self, n_levels)
        check_positive(type(self).__name__, beam=beam)
        rows = x.reshape(-1, self.dim).float().contiguous()
        codes, doubtful = find_codes(self, rows, n_levels)
        if doubtful and not torch.isfinite(torch.stack(torch.aminmax(rows))).all():
            raise ValueError(
                f"{type(self).__name__}: vectors must be finite, got NaN or infinity; remove or"
                " fill those samples first."
            )
        if beam > 1:
            words = self.tables(n_levels).words
            found = search(rows, Tables(words, bias_of(words), words), beam)
            # a beam may lose the greedy path halfway, so the two meet once more at the end
            error = [(rows - _look_up(words, c)).square().sum(-1) for c in (found, codes)]
            codes = torch.where((error[0] < error[1])[:, None], found, codes)
        return codes.reshape(*x.shape[:-1], n_levels)

    @torch.no_grad()
    def decode(self, codes: Tensor, n_levels: int | None = None) -> Tensor:
        """Sum up the vectors behind ``codes`` (..., level), in the codebooks' dtype.

        Parameters
        ----------
        codes : Tensor of shape (..., level), integer
            At least ``n_levels`` columns; -1 adds nothing.
        n_levels : int, optional
            Stages to use, from the first. Default: as many as ``codes`` has.
        """
        n_levels = check_codes(self, codes, n_levels, self.codebook_size)
        words = self._words(n_levels).to(self.codebooks.dtype)
        return _look_up(words, codes[..., :n_levels].long())

    def _code_vectors(self) -> Tensor:
        """Code vectors with their gains, (level, code, codebook_dim)."""
        return self.codebooks * self.gains[:, None, None] if self.cosine else self.codebooks

    def _words(self, n_levels: int) -> Tensor:
        """Give what each code adds to the value, (level, code, dim)."""
        words = self._code_vectors()[:n_levels]
        if self.project_out is not None:  # in float64, so that devices agree on the rounding
            weight, bias = _stack(self.project_out, n_levels)
            words = words.double() @ weight.double().mT + bias.double()[:, None]
        return words

    def tables(self, n_levels: int) -> Tables:
        """Lay the codebooks out for the search."""
        table = self.codebooks[:n_levels].float()
        tables = Tables(table, bias_of(table, self.cosine), self._words(n_levels).float())
        if self.project_in is None:
            return tables
        weight, bias = _stack(self.project_in, n_levels)
        return tables._replace(project=weight.float(), project_bias=bias.float())

    def _follow(self, x: Tensor, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Walk the stages along ``codes``: values with gradients, loss, and learning."""
        vectors = self._code_vectors().float()
        total = torch.zeros_like(x)
        loss = x.new_zeros(())
        for level in range(self.n_levels):
            chosen = codes[:, level]
            kept = chosen >= 0
            vector = vectors[level][chosen.clamp(min=0)]
            # the value's gradient runs through all earlier stages, as the value does; the
            # commitment's must not, or it would cancel after the first stage
            rest = self._project(x - total.detach(), level)
            loss = loss + ((rest - vector).square() * kept[:, None]).sum() / kept.sum().clamp(1)
            through = self._project(x - total, level)
            value = _StraightThrough.apply(through, vector, self.rotation_trick)
            if self.project_out is not None:
                value = linear(self.project_out[level], value)
            total = total + value * kept[:, None]
            if self.training:
                self._learn(level, rest.detach()[kept], chosen[kept])
        return total, self.commitment * loss / (self.n_levels * self.codebook_dim)

    def _project(self, rest: Tensor, level: int) -> Tensor:
        """Map residuals to where stage ``level`` searches."""
        return rest if self.project_in is None else linear(self.project_in[level], rest)

    @torch.no_grad()
    def _start(self, x: Tensor) -> None:
        """Start every stage from k-means on what the stages before it leave of ``x``."""
        rest = x
        for level in range(self.n_levels):
            y = self._project(rest, level)
            found = F.normalize(y, dim=-1) if self.cosine else y
            n_vectors = len(y)
            draw = torch.randperm(n_vectors, device=x.device, generator=generator(x.device))
            words = found[draw[torch.arange(self.codebook_size, device=x.device) % n_vectors]]
            for _ in range(_KMEANS_STEPS):
                chosen = nearest(found, words, self.cosine)
                sums, counts = _sum_by_code(found, chosen, self.codebook_size)
                means = sums / counts.clamp(min=1)[:, None]
                words = torch.where((counts > 0)[:, None], means, words)
                if self.cosine:
                    words = F.normalize(words, dim=-1)
            self.codebooks[level] = words
            self.cluster_sizes[level] = counts
            self.codebook_sums[level] = words * counts[:, None]
            chosen = nearest(found, words, self.cosine)
            if self.cosine and self.stage_gain:
                self.gains[level] = (y * words[chosen]).sum(-1).mean()
            rest = rest - self._words(level + 1)[level].float()[chosen]
        self.initialised.fill_(True)

    @torch.no_grad()
    def _learn(self, level: int, y: Tensor, chosen: Tensor) -> None:
        """Move the codebook of one stage towards the vectors ``y`` that chose its codes."""
        if not len(y):
            return
        step = 1 - self.decay
        if self.cosine:
            if self.stage_gain:
                gain = (y * self.codebooks[level][chosen]).sum(-1).mean()
                self.gains[level].lerp_(gain.to(self.gains), step)
            y = F.normalize(y, dim=-1)
        sums, counts = _sum_by_code(y, chosen, self.codebook_size)
        size, total = self.cluster_sizes[level].float(), self.codebook_sums[level].float()
        size, total = size.lerp(counts, step), total.lerp(sums, step)
        # Revival comes last and resets both averages: whatever is written to the codebook alone
        # is overwritten by the next update.
        reborn = size.mean().mul(0.25).clamp(max=self.revive_threshold)
        dead = size < reborn
        draws = generator(y.device)
        new = y[torch.randint(len(y), (self.codebook_size,), device=y.device, generator=draws)]
        size = torch.where(dead, reborn, size)
        total = torch.where(dead[:, None], new * reborn, total)
        words = total / size.clamp(min=torch.finfo(size.dtype).tiny)[:, None]
        words = torch.where((size > _FADED)[:, None], words, self.codebooks[level].float())
        self.codebooks[level] = F.normalize(words, dim=-1) if self.cosine else words
        self.cluster_sizes[level], self.codebook_sums[level] = size, total


class VectorQuantizer(ResidualVectorQuantizer):
    """Quantise vectors by one codebook: a residual quantiser with a single stage.

    Parameters
    ----------
    dim : int
        Length of the vectors.
    codebook_size : int
        Number of codes.
    codebook_dim, cosine, decay, commitment, revive_threshold, kmeans_init : optional
        As in `ResidualVectorQuantizer`.
    rotation_trick, stage_gain : bool, default=True
        As in `ResidualVectorQuantizer`.

    References
    ----------
    .. [1] van den Oord et al. (2017), Neural discrete representation learning,
       arXiv:1711.00937, equations 1-3 and appendix A.1.

    Examples
    --------
    >>> x = torch.randn(256, 4, generator=torch.Generator().manual_seed(0))
    >>> quantizer = VectorQuantizer(4, codebook_size=16)
    >>> quantizer(x).codes.shape
    torch.Size([256, 1])
    """

    def __init__(
        self,
        dim: int,
        *,
        codebook_size: int,
        codebook_dim: int | None = None,
        cosine: bool = False,
        decay: float = 0.99,
        commitment: float = 0.25,
        revive_threshold: float = 2.0,
        kmeans_init: bool = True,
        rotation_trick: bool = True,
        stage_gain: bool = True,
    ) -> None:
        super().__init__(
            dim,
            n_levels=1,
            codebook_size=codebook_size,
            codebook_dim=codebook_dim,
            cosine=cosine,
            decay=decay,
            commitment=commitment,
            revive_threshold=revive_threshold,
            kmeans_init=kmeans_init,
            rotation_trick=rotation_trick,
            stage_gain=stage_gain,
        )


class _StraightThrough(torch.autograd.Function):
    """Pass on the code vector ``e``; give its gradient to the vector ``y`` it stands for."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, e: Tensor, rotate: bool) -> Tensor:
        ctx.rotate = rotate
        if rotate:
            ctx.save_for_backward(y, e)
        return e.clone()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        if not ctx.rotate:
            return grad, None, None
        # e = scale * R y with the rotation R = 1 - 2 m m' + 2 u v', held constant: grad y is
        # scale * R' grad, for u = e/|e|, v = y/|y| and m halfway between them
        y, e = ctx.saved_tensors
        y_norm, e_norm = y.norm(dim=-1, keepdim=True), e.norm(dim=-1, keepdim=True)
        v, u = F.normalize(y, dim=-1), F.normalize(e, dim=-1)
        m = F.normalize(u + v, dim=-1)
        turned = grad - 2 * m * (m * grad).sum(-1, keepdim=True)
        turned = turned + 2 * v * (u * grad).sum(-1, keepdim=True)
        # no direction or no halfway: copy the gradient
        defined = (y_norm > _TINY) & (e_norm > _TINY) & ((u + v).norm(dim=-1, keepdim=True) > 1e-3)
        scale = e_norm / y_norm.clamp(min=_TINY)
        return torch.where(defined, scale * turned, grad), None, None


def _look_up(words: Tensor, codes: Tensor) -> Tensor:
    """Add up the words behind ``codes`` (..., level), first level first; -1 adds nothing."""
    total = words.new_zeros(*codes.shape[:-1], words.shape[-1])
    for level in range(codes.shape[-1]):
        code = codes[..., level]
        total = total + words[level][code.clamp(min=0)] * (code >= 0)[..., None]
    return total


def _sum_by_code(y: Tensor, codes: Tensor, n_codes: int) -> tuple[Tensor, Tensor]:
    """Sum the rows of each code and count them, in an order that is always the same."""
    counts = torch.bincount(codes, minlength=n_codes)
    order = codes.argsort(stable=True)
    sums = torch.segment_reduce(y[order], "sum", lengths=counts, initial=0)
    return sums, counts.to(y.dtype)


def _stack(maps: nn.ModuleList, n: int) -> tuple[Tensor, Tensor]:
    """Stack the weights and the biases of the first ``n`` linear layers."""
    layers = [cast("nn.Linear", layer) for layer in maps[:n]]
    return torch.stack([f.weight for f in layers]), torch.stack([f.bias for f in layers])
