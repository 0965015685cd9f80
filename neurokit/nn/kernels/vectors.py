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


class Tools:
    """What the intrinsics share: vectors of one floating type in memory and in registers."""

    def __init__(self, context, builder, dtype):
        self.number = context.get_value_type(dtype)
        self.bits = 64 if isinstance(self.number, ir.DoubleType) else 32
        self.lanes = 8 * VECTOR // self.bits
        self.vector = ir.VectorType(self.number, self.lanes)
        self.builder = builder

    def place(self, array, at, vector):
        """Return where the vector of that number lies, from item `at` on."""
        at = self.builder.add(at, ir.Constant(at.type, vector * self.lanes))
        return self.builder.bitcast(self.builder.gep(array, [at]), self.vector.as_pointer())

    def load(self, place):
        value = self.builder.load(place)
        value.align = self.bits // 8
        return value

    def store(self, value, place):
        self.builder.store(value, place).align = self.bits // 8

    def spread(self, number):
        """Return a vector of one number."""
        lane, none = ir.IntType(32), ir.Constant(self.vector, ir.Undefined)
        one = self.builder.insert_element(none, number, ir.Constant(lane, 0))
        same = ir.Constant(ir.VectorType(lane, self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(one, none, same)

    def add(self, one, column, total):
        """Return ``one * column + total``, rounded once where the processor can."""
        product = self.builder.fmul(one, column, flags=["contract"])
        return self.builder.fadd(product, total, flags=["contract"])

    def loop(self, first, end, by, body):
        """Write a loop from `first` to `end` that calls `body` with each place.

        LLVM is told to leave it as it stands: it has been written in vectors.
        """
        builder = self.builder
        before = builder.block
        loop, after = builder.append_basic_block("columns"), builder.append_basic_block("row")
        builder.cbranch(builder.icmp_signed("<", first, end), loop, after)
        builder.position_at_end(loop)
        at = builder.phi(first.type)
        body(at)
        following = builder.add(at, ir.Constant(at.type, by))
        at.add_incoming(first, before)
        at.add_incoming(following, loop)
        branch = builder.cbranch(builder.icmp_signed("<", following, end), loop, after)
        branch.set_metadata("llvm.loop", _as_it_stands(builder.module))
        builder.position_at_end(after)


def _as_it_stands(module):
    """Make the name of a loop that is neither vectorised nor unrolled; each has its own."""
    no = ir.Constant(ir.IntType(1), 0)
    kept = [
        module.add_metadata([ir.MetaDataString(module, "llvm.loop.vectorize.enable"), no]),
        module.add_metadata([ir.MetaDataString(module, "llvm.loop.unroll.disable")]),
    ]
    count = len(module.metadata)
    name = module.add_metadata([ir.Constant(ir.IntType(64), count), *kept])
    name.operands = (name, *kept)
    return name


@intrinsic
def stay_apart(_):
    """Keep LLVM from writing the present function into those that call it.

    What is called from many places would be optimised in each of them.
    """

    def generate(context, builder, signature, arguments):
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def place(_, array, at):
    """Return where an item of an array lies, so many items from where it begins."""
    result = array if isinstance(array, types.CPointer) else types.CPointer(array.dtype)
    signature = result(array, types.intp)

    def generate(context, builder, signature, arguments):
        return builder.gep(begin(context, builder, signature.args[0], arguments[0]), arguments[1:])

    return signature, generate


def begin(context, builder, kind, value):
    """Return where a contiguous array begins; or the place itself, where one is given."""
    if isinstance(kind, types.CPointer):
        return value
    return context.make_array(kind)(context, builder, value).data


@intrinsic
def panel_columns(_, a):
    """Return the number of columns of a panel; the compiler knows it."""

    def generate(context, builder, signature, arguments):
        tools = Tools(context, builder, signature.args[0].dtype)
        return ir.Constant(ir.IntType(64), tools.lanes * VECTORS)

    return types.intp(a), generate


@intrinsic
def add_tile(_, a, a_row, a_step, b, b_step, out, out_row, n_steps):
    """Add ``a @ b`` to `ROWS` rows of one panel: places, and the steps from item to item."""
    size = types.intp
    signature = types.void(a, size, size, b, size, out, size, size)

    def generate(context, builder, signature, arguments):
        a, a_row, a_step, b, b_step, out, out_row, n_steps = arguments
        tools = Tools(context, builder, signature.args[0].dtype)

        def row(step, r):
            return builder.mul(step, ir.Constant(step.type, r))

        tile = [
            [tools.place(out, row(out_row, r), c) for c in range(VECTORS)] for r in range(ROWS)
        ]
        start = [[tools.load(p) for p in places] for places in tile]
        before = builder.block
        loop = builder.append_basic_block("sum")
        after = builder.append_basic_block("summed")
        builder.branch(loop)
        builder.position_at_end(loop)
        step = builder.phi(n_steps.type)
        sums = [[builder.phi(tools.vector) for _ in places] for places in tile]
        now = builder.mul(step, b_step)
        columns = [tools.load(tools.place(b, now, c)) for c in range(VECTORS)]
        now = builder.mul(step, a_step)
        added = []
        for r in range(ROWS):
            item = builder.add(now, row(a_row, r))
            one = tools.spread(builder.load(builder.gep(a, [item])))
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
    def add(_, a, listed, n, b, b_step, b_panel, out):
        size = types.intp
        signature = types.void(a, listed, size, b, size, size, out)

        def generate(context, builder, signature, arguments):
            a, listed, n, b, b_step, b_panel, out = arguments
            tools = Tools(context, builder, signature.args[0].dtype)
            nothing = ir.Constant(n.type, 0)
            places = [tools.place(out, nothing, c) for c in range(n_panels * VECTORS)]
            start = [tools.load(p) for p in places]
            k, end = _loop(builder, listed, n)
            sums = [builder.phi(tools.vector) for _ in places]
            item = builder.zext(builder.load(builder.gep(listed, [k])), n.type)
            one = tools.spread(builder.load(builder.gep(a, [item])))
            at = builder.mul(item, b_step)
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
    def add(_, a, listed, n, b, out, out_step):
        size = types.intp
        signature = types.void(a, listed, size, b, out, size)

        def generate(context, builder, signature, arguments):
            a, listed, n, b, out, out_step = arguments
            tools = Tools(context, builder, signature.args[0].dtype)
            n_vectors, nothing = range(n_panels * VECTORS), ir.Constant(n.type, 0)
            columns = [tools.load(tools.place(b, nothing, c)) for c in n_vectors]
            k, end = _loop(builder, listed, n)
            item = builder.zext(builder.load(builder.gep(listed, [k])), n.type)
            one = tools.spread(builder.load(builder.gep(a, [item])))
            at = builder.mul(item, out_step)
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
        a = arguments[0]
        tools = Tools(context, builder, signature.args[0].dtype)
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
