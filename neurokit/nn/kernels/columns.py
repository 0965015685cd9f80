# mypy: allow-untyped-defs, disable-error-code="call-arg, import-untyped, attr-defined"
"""Loops along columns, written in vectors: what the passes over time do with a whole row.

Numba compiles a loop over slices of arrays in a tenth of a second: each slice is checked and
counted, and LLVM's vectoriser writes the loop several times, with tests whether arrays overlap.
The loops made here reach LLVM as they shall stand, a vector at a time and then what is left, one
by one. Rows that are written may be rows that are read, but must not overlap them by a part.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils, errors
from numba.extending import intrinsic

from neurokit.nn.kernels.vectors import Tools, begin


class Lanes:
    """What stands in one register: operators on it write operations of LLVM."""

    def __init__(self, builder, kind, value):
        self.builder, self.kind, self.value = builder, kind, value

    def _other(self, other):
        if isinstance(other, Lanes):
            return other.value
        if isinstance(self.kind, ir.VectorType):
            return ir.Constant(self.kind, [float(other)] * self.kind.count)
        return ir.Constant(self.kind, float(other))

    def _join(self, operation, one, other):
        # Nothing but fused multiply-adds is allowed: NaN keeps its meaning and sums their order.
        return Lanes(self.builder, self.kind, operation(one, other, flags=["contract"]))

    def __add__(self, other):
        return self._join(self.builder.fadd, self.value, self._other(other))

    def __sub__(self, other):
        return self._join(self.builder.fsub, self.value, self._other(other))

    def __rsub__(self, other):
        return self._join(self.builder.fsub, self._other(other), self.value)

    def __mul__(self, other):
        return self._join(self.builder.fmul, self.value, self._other(other))

    def __truediv__(self, other):
        return self._join(self.builder.fdiv, self.value, self._other(other))

    def __rtruediv__(self, other):
        return self._join(self.builder.fdiv, self._other(other), self.value)

    __radd__, __rmul__ = __add__, __mul__

    def _compare(self, sign, other):
        return self.builder.fcmp_ordered(sign, self.value, self._other(other))

    def __ge__(self, other):
        return self._compare(">=", other)

    def __gt__(self, other):
        return self._compare(">", other)

    def __le__(self, other):
        return self._compare("<=", other)

    def __lt__(self, other):
        return self._compare("<", other)

    def zero(self):
        """Return zeros."""
        return Lanes(self.builder, self.kind, self._other(0.0))

    def either(self, true, one, other):
        """Return the lanes of `one` where it is true, the rest from `other`; numbers will do."""
        value = self.builder.select(true, self._other(one), self._other(other))
        return Lanes(self.builder, self.kind, value)

    def call(self, name):
        """Return what an intrinsic function of LLVM makes of each lane."""
        bits = 64 if "double" in str(self.kind) else 32
        lanes = f"v{self.kind.count}" if isinstance(self.kind, ir.VectorType) else ""
        kind = ir.FunctionType(self.kind, [self.kind])
        name = f"llvm.{name}.{lanes}f{bits}"
        function = self.builder.module.globals.get(name)
        if function is None:
            function = ir.Function(self.builder.module, kind, name)
        return Lanes(self.builder, self.kind, self.builder.call(function, [self.value]))


def along_columns(n_arrays, writes):
    """Make a loop over columns from what is done with one column.

    Parameters
    ----------
    n_arrays : int
        How many rows take part. The loop is called with the number of columns, then with an array
        and the place of its first item for each row, then with numbers.
    writes : tuple of int
        Rows that are written, by their place among the arguments.

    Returns
    -------
    callable
        Decorates a function of items and numbers, which returns an item per row written.
    """
    return lambda body: by_mode(n_arrays, writes, [body], with_mode=False)


def by_mode(n_arrays, writes, bodies, *, single=(), with_mode=True):
    """Make a loop over columns that does one of several things, by its last argument.

    Parameters
    ----------
    n_arrays, writes
        As in `along_columns`.
    bodies : list of callable
        What is done with one column in each mode; the last one in all later modes too.
    single : tuple of callable
        Those that go one by one: processors do not have what they call for vectors.
    with_mode : bool, default=True
        Without it there is no last argument.
    """

    @intrinsic
    def loop(_, n, *arguments):
        dtype = arguments[0].dtype
        if any(getattr(kind, "layout", "C") != "C" for kind in arguments[: 2 * n_arrays : 2]):
            raise errors.TypingError("rows of a loop along columns are contiguous")
        kinds = [types.intp if k % 2 else kind for k, kind in enumerate(arguments)]
        end = len(kinds) - with_mode
        kinds[2 * n_arrays : end] = [dtype] * (end - 2 * n_arrays)
        kinds[end:] = [types.intp] * with_mode
        signature = types.void(types.intp, types.StarArgTuple.from_types(tuple(kinds)))

        def generate(context, builder, signature, given):
            n, given = given[0], cgutils.unpack_tuple(builder, given[1])
            rows = [
                builder.gep(begin(context, builder, kinds[k], given[k]), [given[k + 1]])
                for k in range(0, 2 * n_arrays, 2)
            ]
            tools = Tools(context, builder, dtype)
            after = builder.append_basic_block("chosen")
            blocks = {body: builder.append_basic_block("mode") for body in dict.fromkeys(bodies)}
            if with_mode:
                switch = builder.switch(given[-1], blocks[bodies[-1]])
                for mode, body in enumerate(bodies):
                    switch.add_case(mode, blocks[body])
            else:
                builder.branch(blocks[bodies[0]])
            for body, block in blocks.items():
                builder.position_at_end(block)
                numbers = given[2 * n_arrays : end]
                _write(tools, n, rows, numbers, body, writes, body in single)
                builder.branch(after)
            builder.position_at_end(after)
            return context.get_dummy_value()

        return signature, generate

    return loop


def _write(tools, n, rows, numbers, body, writes, single):
    """Write the loop over whole vectors, then that over what is left."""
    builder = tools.builder
    whole = ir.Constant(n.type, 0)
    if not single:
        whole = builder.and_(n, ir.Constant(n.type, -tools.lanes))
        spread = [Lanes(builder, tools.vector, tools.spread(x)) for x in numbers]

        def several(at):
            places = [
                builder.bitcast(p, tools.vector.as_pointer()) for p in _at(builder, rows, at)
            ]
            read = [Lanes(builder, tools.vector, tools.load(p)) for p in places]
            for k, value in zip(writes, _several(body(*read, *spread)), strict=True):
                tools.store(value.value, places[k])

        tools.loop(ir.Constant(n.type, 0), whole, tools.lanes, several)
    plain = [Lanes(builder, x.type, x) for x in numbers]

    def one(at):
        places = _at(builder, rows, at)
        read = [Lanes(builder, tools.number, builder.load(p)) for p in places]
        for k, value in zip(writes, _several(body(*read, *plain)), strict=True):
            builder.store(value.value, places[k])

    tools.loop(whole, n, 1, one)


def _at(builder, rows, at):
    return [builder.gep(row, [at]) for row in rows]


def _several(values):
    return values if isinstance(values, tuple) else (values,)


@along_columns(2, (1,))
def copy(row, _):
    """Copy a row; assigning to a slice would compile the making of an error message."""
    return row


@along_columns(2, (1,))
def add(row, out):
    """Add a row to another."""
    return out + row


@along_columns(1, (0,))
def clear(row):
    """Set a row to zero."""
    return row.zero()
