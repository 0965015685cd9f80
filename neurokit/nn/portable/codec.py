"""The halves of a codec as graphs: levelled samples to codes, and codes to levelled samples."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from neurokit.nn.codec import Codec
from neurokit.nn.portable.frames import FramedNetwork
from neurokit.nn.quantizers.embedded import EmbeddedScalarQuantizer
from neurokit.nn.quantizers.residual import ResidualVectorQuantizer


class PortableSearch(nn.Module):
    """The search of a `ResidualVectorQuantizer`: vectors (..., dim) to codes (..., level).

    It keeps ``beam`` paths and lets the best of them meet the greedy one at the end, as
    ``encode`` does, in double precision where that uses single: of two codes as good as equal,
    the other may win.
    """

    table: Tensor
    bias: Tensor
    words: Tensor
    project: Tensor
    project_bias: Tensor

    def __init__(self, quantizer: ResidualVectorQuantizer, beam: int) -> None:
        super().__init__()
        tables = quantizer.tables(quantizer.n_levels)
        self.beam = beam
        self.projects = tables.project is not None
        nothing = torch.zeros(1)
        for name, values in tables._asdict().items():
            kept = nothing if values is None else values
            self.register_buffer(name, kept.detach().cpu().double().clone())

    def forward(self, vectors: Tensor) -> Tensor:
        """Return int64 codes."""
        rows = vectors.flatten(0, -2)
        codes = self._climb(rows, self.table, self.bias, 1, self.projects)
        if self.beam > 1:
            bias = -0.5 * self.words.square().sum(-1)
            found = self._climb(rows, self.words, bias, self.beam, False)
            better = self._error(rows, found) < self._error(rows, codes)
            codes = torch.where(better[:, None], found, codes)
        return codes.unflatten(0, vectors.shape[:-1])

    def _climb(
        self, rows: Tensor, table: Tensor, bias: Tensor, beam: int, projects: bool
    ) -> Tensor:
        """Walk the stages with the ``beam`` best paths, (n, dim) to (n, level)."""
        n_levels, n_codes = bias.shape
        rest, gain = rows[:, None], torch.zeros_like(rows[:, :1])
        taken: list[Tensor] = []  # (n, path) for each stage so far
        for s in range(n_levels):
            y = rest
            if projects:
                y = rest @ self.project[s].T + self.project_bias[s]
            score = y @ table[s].T + bias[s]
            gain, best = (
                (score + gain[..., None])
                .flatten(1)
                .topk(min(beam, score.shape[1] * n_codes), dim=-1)
            )
            path, code = best // n_codes, best % n_codes
            at = path[..., None].expand(-1, -1, rows.shape[-1])
            rest = rest.gather(1, at) - self.words[s][code]
            taken = [earlier.gather(1, path) for earlier in taken] + [code]
        return torch.stack([codes[:, 0] for codes in taken], -1)

    def _error(self, rows: Tensor, codes: Tensor) -> Tensor:
        return (rows - look_up(self.words, codes)).square().sum(-1)


class PortableRounding(nn.Module):
    """The rounding of an `EmbeddedScalarQuantizer`: vectors (..., dim) to codes (..., level)."""

    def __init__(self, quantizer: EmbeddedScalarQuantizer) -> None:
        super().__init__()
        self.entries = quantizer.entries()
        self.depth = quantizer.depth()
        for i, n_digits in enumerate(self.depth):
            self.register_buffer(f"bounds{i}", quantizer.bounds(i, n_digits).detach().cpu())

    def forward(self, vectors: Tensor) -> Tensor:
        """Return int64 codes."""
        rows, depth = vectors.flatten(0, -2), list(self.depth)
        left = [
            (rows[:, i, None] > self.get_buffer(f"bounds{i}")).long().sum(-1)
            for i in range(len(depth))
        ]
        columns = []
        for entries in self.entries:
            code = torch.zeros_like(left[0])
            for i in entries:
                depth[i] -= 1
                code = 3 * code + left[i] // 3 ** depth[i]
                left[i] = left[i] % 3 ** depth[i]
            columns.append(code)
        return torch.stack(columns, -1).unflatten(0, vectors.shape[:-1])


class PortableWords(nn.Module):
    """The codebooks of a `ResidualVectorQuantizer`: codes (..., level) to vectors (..., dim)."""

    words: Tensor

    def __init__(self, quantizer: ResidualVectorQuantizer) -> None:
        super().__init__()
        self.register_buffer(
            "words", quantizer.tables(quantizer.n_levels).words.detach().cpu().clone()
        )

    def forward(self, codes: Tensor) -> Tensor:
        """Return float32 vectors."""
        return look_up(self.words, codes)


class PortableDigits(nn.Module):
    """The means of an `EmbeddedScalarQuantizer`: codes (..., level) to vectors (..., dim)."""

    means: Tensor

    def __init__(self, quantizer: EmbeddedScalarQuantizer) -> None:
        super().__init__()
        self.entries = quantizer.entries()
        self.register_buffer("means", quantizer.means.detach().cpu().float().clone())

    def forward(self, codes: Tensor) -> Tensor:
        """Return float32 vectors."""
        node = [torch.zeros_like(codes[..., 0])] * len(self.means)
        for level, entries in enumerate(self.entries):
            for k, i in enumerate(entries):
                digit = codes[..., level] // 3 ** (len(entries) - 1 - k) % 3
                node[i] = 3 * node[i] + 1 + digit
        return torch.stack([self.means[i][at] for i, at in enumerate(node)], -1)


class PortableEncoder(nn.Module):
    """Levelled samples (row, frame, sample) to codes (row, frame, level)."""

    def __init__(self, codec: Codec, beam: int) -> None:
        super().__init__()
        self.encoder = FramedNetwork(codec.encoder, codec.encoder.hop).double().eval()
        quantizer = codec.quantizer
        self.search: nn.Module
        if isinstance(quantizer, EmbeddedScalarQuantizer):
            self.search = PortableRounding(quantizer)
        elif isinstance(quantizer, ResidualVectorQuantizer):
            self.search = PortableSearch(quantizer, beam)
        self.single = isinstance(quantizer, EmbeddedScalarQuantizer)

    def forward(self, x: Tensor) -> Tensor:
        """Return int64 codes; vectors are rounded to single precision before the search."""
        vectors = self.encoder(x[..., None])[:, :, 0].float()
        return self.search(vectors if self.single else vectors.double())


class PortableDecoder(nn.Module):
    """Codes (row, frame, level) to levelled samples (row, frame, sample)."""

    def __init__(self, codec: Codec) -> None:
        super().__init__()
        self.decoder = FramedNetwork(codec.decoder, 1).float().eval()
        quantizer = codec.quantizer
        self.words: nn.Module
        if isinstance(quantizer, EmbeddedScalarQuantizer):
            self.words = PortableDigits(quantizer)
        elif isinstance(quantizer, ResidualVectorQuantizer):
            self.words = PortableWords(quantizer)

    def forward(self, codes: Tensor) -> Tensor:
        """Return samples in double precision, computed in single."""
        return self.decoder(self.words(codes)[:, :, None])[..., 0].double()


def look_up(words: Tensor, codes: Tensor) -> Tensor:
    """Sum up the vectors (..., dim) behind codes (..., level)."""
    return torch.stack([words[s][codes[..., s]] for s in range(len(words))]).sum(0)
