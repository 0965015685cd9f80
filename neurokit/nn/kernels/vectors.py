# mypy: allow-untyped-defs, disable-error-code="call-arg, import-untyped, attr-defined"
"""Sums kept in vector registers: what the products of the passes over time are made of.

The loops are written for LLVM, since its own vectoriser writes each partial sum to memory.
"""

import llvmlite.binding
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_WIDE = bool(llvmlite.binding.get_host_cpu_features().get("avx512f"))
VECTOR = 64 if _WIDE else 32  # bytes
VECTORS = 4 if _WIDE else 2  # in a row of the tile: 16 or 8 registers hold its sums
ROWS = 4


class _Tools:
    """What the intrinsics share: vectors of one floating type in memory and in registers."""

    def __init__(self, context, builder, dtype):
        number = context.get_value_type(dtype)
        self.bits = 64 if isinstance(number, ir.DoubleType) else 32
        self.lanes = 8 * VECTOR // self.bits
        self.vector = ir.VectorType(number, self.lanes)
        self._builder = builder

    def place(self, array, at, vector):
        """Return where the vector of that number lies, from item `at` on."""
        at = self._builder.add(at, ir.Constant(at.type, vector * self.lanes))
        return self._builder.bitcast(self._builder.gep(array, [at]), self.vector.as_pointer())

    def load(self, place):
        value = self._builder.load(place)
        value.align = self.bits // 8
        return value

    def store(self, value, place):
        self._builder.store(value, place).align = self.bits // 8

    def spread(self, number):
        """Return a vector of one number."""
        lane, none = ir.IntType(32), ir.Constant(self.vector, ir.Undefined)
        one = self._builder.insert_element(none, number, ir.Constant(lane, 0))
        same = ir.Constant(ir.VectorType(lane, self.lanes), [0] * self.lanes)
        return self._builder.shuffle_vector(one, none, same)

    def add(self, one, column, total):
        """Return ``one * column + total``, rounded once where the processor can."""
        product = self._builder.fmul(one, column, flags=["contract"])
        return self._builder.fadd(product, total, flags=["contract"])


@intrinsic
def add_tile(_, a, a_at, a_row, a_step, b, b_at, b_step, out, out_at, out_row, n_steps):
    """Add ``a @ b`` to `ROWS` rows of one panel; the arguments after an array place its items."""
    size = types.intp
    signature = types.void(a, size, size, size, b, size, size, out, size, size, size)

    def generate(context, builder, signature, arguments):
        a, b, out = (
            context.make_array(signature.args[k])(context, builder, arguments[k]).data
            for k in (0, 4, 7)
        )
        a_at, a_row, a_step = arguments[1:4]
        b_at, b_step = arguments[5:7]
        out_at, out_row, n_steps = arguments[8:]
        tools = _Tools(context, builder, signature.args[0].dtype)

        def row(at, step, r):
            return builder.add(at, builder.mul(step, ir.Constant(step.type, r)))

        tile = [
            [tools.place(out, row(out_at, out_row, r), c) for c in range(VECTORS)]
            for r in range(ROWS)
        ]
        start = [[tools.load(p) for p in places] for places in tile]
        before = builder.block
        loop = builder.append_basic_block("sum")
        after = builder.append_basic_block("summed")
        builder.branch(loop)
        builder.position_at_end(loop)
        step = builder.phi(n_steps.type)
        sums = [[builder.phi(tools.vector) for _ in places] for places in tile]
        now = builder.add(b_at, builder.mul(step, b_step))
        columns = [tools.load(tools.place(b, now, c)) for c in range(VECTORS)]
        now = builder.add(a_at, builder.mul(step, a_step))
        added = []
        for r in range(ROWS):
            one = tools.spread(builder.load(builder.gep(a, [row(now, a_row, r)])))
            pairs = zip(columns, sums[r], strict=True)
            added.append([tools.add(one, column, total) for column, total in pairs])
        following = builder.add(step, ir.Constant(step.type, 1))
        step.add_incoming(ir.Constant(step.type, 0), before)
        step.add_incoming(following, loop)
        for r in range(ROWS):
            for c in range(VECTORS):
                sums[r][c].add_incoming(start[r][c], before)
                sums[r][c].add_incoming(added[r][c], loop)
        builder.cbranch(builder.icmp_signed("<", following, n_steps), loop, after)
        builder.position_at_end(after)
        for r in range(ROWS):
            for c in range(VECTORS):
                tools.store(added[r][c], tile[r][c])
        return context.get_dummy_value()

    return signature, generate


def _loop(builder, listed, n):
    """Begin a loop over the first `n` items listed; return the item and a function to end it."""
    before = builder.block
    loop, after = builder.append_basic_block("each"), builder.append_basic_block("done")
    none = ir.Constant(n.type, 0)
    builder.cbranch(builder.icmp_signed("<", none, n), loop, after)
    builder.position_at_end(loop)
    k = builder.phi(n.type)

    def end():
        following = builder.add(k, ir.Constant(k.type, 1))
        k.add_incoming(none, before)
        k.add_incoming(following, loop)
        builder.cbranch(builder.icmp_signed("<", following, n), loop, after)
        builder.position_at_end(after)
        return before, loop

    return k, end


def _listed_adder(n_panels):
    """Make what adds listed items of a row of `a`, times their rows of `b`, to some panels."""

    @intrinsic
    def add(_, a, a_at, listed, n, b, b_at, b_step, b_panel, out, out_at):
        size = types.intp
        signature = types.void(a, size, listed, size, b, size, size, size, out, size)

        def generate(context, builder, signature, arguments):
            a, listed, b, out = (
                context.make_array(signature.args[k])(context, builder, arguments[k]).data
                for k in (0, 2, 4, 8)
            )
            a_at, n, b_at, b_step, b_panel, out_at = (arguments[k] for k in (1, 3, 5, 6, 7, 9))
            tools = _Tools(context, builder, signature.args[0].dtype)
            places = [tools.place(out, out_at, c) for c in range(n_panels * VECTORS)]
            start = [tools.load(p) for p in places]
            k, end = _loop(builder, listed, n)
            sums = [builder.phi(tools.vector) for _ in places]
            item = builder.zext(builder.load(builder.gep(listed, [k])), n.type)
            one = tools.spread(builder.load(builder.gep(a, [builder.add(a_at, item)])))
            at = builder.add(b_at, builder.mul(item, b_step))
            columns = []
            for _ in range(n_panels):
                columns += [tools.load(tools.place(b, at, c)) for c in range(VECTORS)]
                at = builder.add(at, b_panel)
            pairs = zip(columns, sums, strict=True)
            added = [tools.add(one, column, total) for column, total in pairs]
            before, loop = end()
            totals = [builder.phi(tools.vector) for _ in places]
            for first, now, later, total in zip(start, sums, added, totals, strict=True):
                for value in (now, total):
                    value.add_incoming(first, before)
                    value.add_incoming(later, loop)
            for total, p in zip(totals, places, strict=True):
                tools.store(total, p)
            return context.get_dummy_value()

        return signature, generate

    return add


def _outer_adder(n_panels):
    """Make what adds some panels of a row of `b`, times listed items of `a`, to rows of `out`."""

    @intrinsic
    def add(_, a, a_at, listed, n, b, b_at, out, out_at, out_step):
        size = types.intp
        signature = types.void(a, size, listed, size, b, size, out, size, size)

        def generate(context, builder, signature, arguments):
            a, listed, b, out = (
                context.make_array(signature.args[k])(context, builder, arguments[k]).data
                for k in (0, 2, 4, 6)
            )
            a_at, n, b_at, out_at, out_step = (arguments[k] for k in (1, 3, 5, 7, 8))
            tools = _Tools(context, builder, signature.args[0].dtype)
            n_vectors = range(n_panels * VECTORS)
            columns = [tools.load(tools.place(b, b_at, c)) for c in n_vectors]
            k, end = _loop(builder, listed, n)
            item = builder.zext(builder.load(builder.gep(listed, [k])), n.type)
            one = tools.spread(builder.load(builder.gep(a, [builder.add(a_at, item)])))
            at = builder.add(out_at, builder.mul(item, out_step))
            for c in n_vectors:
                p = tools.place(out, at, c)
                tools.store(tools.add(one, columns[c], tools.load(p)), p)
            end()
            return context.get_dummy_value()

        return signature, generate

    return add


# Two panels at once, where there are two: half the loops, whose ends cost as much as two items.
add_listed, add_listed_twice = _listed_adder(1), _listed_adder(2)
add_outer, add_outer_twice = _outer_adder(1), _outer_adder(2)


@intrinsic
def nonzero(_, a, at):
    """Return a bit for each item of one vector, 1 where it is not zero."""
    signature = types.uint64(a, types.intp)

    def generate(context, builder, signature, arguments):
        a = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        tools = _Tools(context, builder, signature.args[0].dtype)
        items = tools.load(tools.place(a, arguments[1], 0))
        zeros = ir.Constant(tools.vector, [0.0] * tools.lanes)
        bits = builder.fcmp_unordered("!=", items, zeros)
        return builder.zext(builder.bitcast(bits, ir.IntType(tools.lanes)), ir.IntType(64))

    return signature, generate


@intrinsic
def count_ones(_, bits):
    signature = types.intp(types.uint64)
    return signature, lambda context, builder, signature, arguments: builder.ctpop(arguments[0])


@intrinsic
def lowest_one(_, bits):
    """Return the place of the lowest 1."""
    signature = types.intp(types.uint64)
    never = ir.Constant(ir.IntType(1), 1)
    return signature, lambda context, builder, signature, arguments: builder.cttz(
        arguments[0], never
    )
