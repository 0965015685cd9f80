"""Spiking layers on a GPU beside plain torch, SpikingJelly and snnTorch, and against the bound.

    python benchmarks/spiking_cuda.py [--repeats 15] [--parts large small recurrent]

Forward and backward, medians [range] in ms. "Queued": nobody waits between calls, as in training,
so that a call takes what its kernels take, or what launching them takes if that is longer; "waited
for": the host waits after each. Calls take turns. The bounds are the time of reading and writing
24 (16-bit: 12) bytes per element at the rate of a large copy, and for recurrent layers three
products per step at the published rate of TF32 on an H100 or H200, in three parts each. Peers are
optional; take the device alone.
"""

import argparse
import itertools
import math
import statistics
import time

import torch

from neurokit.nn import LIF, lif

T, B = 200, 64
TF32 = 495e9  # floating-point operations per millisecond


def queued(calls, repeats):
    """Return the milliseconds of each call on the device, by name, calls following each other."""
    times = {name: [] for name in calls}
    for turn in range(4):
        for name, call in calls.items():
            marks = [torch.cuda.Event(enable_timing=True) for _ in range(repeats + 1)]
            for _ in range(3):
                call()
            for mark in marks[:-1]:
                mark.record()
                call()
            marks[-1].record()
            torch.cuda.synchronize()
            if turn:
                times[name] += [a.elapsed_time(b) for a, b in itertools.pairwise(marks)]
    return times


def waited(calls, repeats):
    """Return the milliseconds of each call and of waiting for the device, by name, in turns."""
    times = {name: [] for name in calls}
    for turn in range(2 * repeats + 2):
        for name, call in calls.items():
            torch.cuda.synchronize()
            start = time.perf_counter()
            call()
            torch.cuda.synchronize()
            if turn >= 2:
                times[name].append((time.perf_counter() - start) * 1e3)
    return times


def report(title, calls, repeats, bound=None):
    """Print both times of each call, their share of the bound, and how many times neurokit's."""
    print(f"\n{title}" + ("" if bound is None else f": bound {bound:.3f} ms"))
    found = {"queued": queued(calls, repeats), "waited for": waited(calls, repeats)}
    for how, times in found.items():
        ours = statistics.median(times["neurokit"])
        for name, each in times.items():
            ms = statistics.median(each)
            line = f"  {name:36s} {how:10s} {ms:8.3f} [{min(each):.3f} {max(each):.3f}]"
            if bound is not None:
                line += f", {bound / ms:.0%} of the bound"
            if not name.startswith("neurokit"):
                line += f", {ms / ours:.2f} x neurokit's"
            print(line, flush=True)


def backward_of(x, g, layer):
    """Return a call of `layer` forward and backward."""

    def call():
        x.grad = None
        layer(x).backward(g)

    return call


def peers(n_steps):
    """Return the layers of other libraries that are installed, with the same reset and decay."""
    found = {}
    try:
        from spikingjelly.activation_based import functional, neuron, surrogate

        node = neuron.LIFNode(
            decay_input=False, surrogate_function=surrogate.ATan(), step_mode="m"
        ).cuda()

        def theirs(x):
            functional.reset_net(node)
            return node(x)

        found["SpikingJelly LIFNode"] = theirs
    except ImportError:
        print("SpikingJelly: not installed")
    try:
        import snntorch

        cell = snntorch.Leaky(
            beta=0.5, spike_grad=snntorch.surrogate.atan(), reset_mechanism="zero"
        ).cuda()

        def steps(x):
            potential, out = cell.init_leaky(), []
            for row in x:
                spikes, potential = cell(row, potential)
                out.append(spikes)
            return torch.stack(out)

        found["snnTorch Leaky"] = steps
    except ImportError:
        print("snnTorch: not installed")
    return found


def copy_rate():
    """Return the bytes per millisecond that a large copy reads and writes."""
    block = torch.empty(2**29, device="cuda")
    other = torch.empty_like(block)
    times = queued({"copy": lambda: other.copy_(block)}, 15)["copy"]
    return 2 * block.nbytes / statistics.median(times)


def as_graph(x, g):
    """Return a replay of the layer forward and backward."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        leaf = x.detach().clone().requires_grad_()
        for _ in range(3):
            torch.autograd.grad(lif(leaf, decay=0.5)[0], leaf, g)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        torch.autograd.grad(lif(leaf, decay=0.5)[0], leaf, g)
    return graph.replay


class Nothing(torch.autograd.Function):
    """What any function that autograd knows costs, one launch or none."""

    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, g):
        return g


def custom_nothing():
    """Return the same as an operator of `torch.library`."""

    @torch.library.custom_op("benchmark::nothing", mutates_args=())
    def nothing(x: torch.Tensor) -> torch.Tensor:
        return torch.empty_like(x)

    nothing.register_autograd(lambda ctx, g: g)
    return nothing


class Spikes(torch.nn.Module):
    """A layer of which torch can capture forward and backward: its spikes alone."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x)[0]


def within_one_thread(call):
    """Run backward in the thread that called, as `neurokit.training` could."""

    def run():
        with torch.autograd.set_multithreading_enabled(False):
            call()

    return run


def layers(shape, dtype, repeats, bound=None):
    x = torch.randn(shape, device="cuda").to(dtype).requires_grad_()
    g = torch.randn(shape, device="cuda").to(dtype)
    kinds = {"neurokit": lambda x: lif(x, decay=0.5)[0]}
    if shape[-1] <= 1024:
        module = Spikes(LIF(shape[-1], decay=0.5).cuda())
        kinds["neurokit LIF, a module"] = module
        kinds["a custom operator that does nothing"] = custom_nothing()
        sample = torch.zeros_like(x).requires_grad_()
        kinds["neurokit LIF, make_graphed_callables"] = torch.cuda.make_graphed_callables(
            Spikes(LIF(shape[-1], decay=0.5).cuda()), (sample,)
        )
    calls = {name: backward_of(x, g, layer) for name, layer in (kinds | peers(shape[0])).items()}
    calls["neurokit, backward in this thread"] = within_one_thread(calls["neurokit"])
    calls["neurokit, CUDA graph"] = as_graph(x, g)
    calls["a function that does nothing"] = backward_of(x, g, Nothing.apply)
    report(f"LIF, {' x '.join(map(str, shape))}, {dtype}", calls, repeats, bound)


def recurrent(n_units, repeats):
    x = torch.randn(T, B, n_units, device="cuda", requires_grad=True)
    g = torch.randn_like(x)
    w = torch.randn(n_units, n_units, device="cuda") * 0.3 / math.sqrt(n_units)
    w.requires_grad_()
    calls = {
        name: backward_of(x, g, lambda x, b=b: lif(x, decay=0.5, recurrent_weight=w, backend=b)[0])
        for name, b in (("neurokit", "auto"), ("plain torch", "torch"))
    }
    bound = 3 * 3 * 2 * T * B * n_units**2 / TF32
    report(f"recurrent LIF, {T} x {B} x {n_units}, float32", calls, repeats, bound)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--parts", nargs="+", default=["large", "small", "recurrent"])
    given = parser.parse_args()
    repeats = given.repeats
    print(torch.__version__, torch.cuda.get_device_name())
    rate = copy_rate()
    print(f"a large copy: {rate / 1e9:.2f} TB/s")
    if "recurrent" in given.parts:
        for n_units in (64, 128, 256, 512, 1024):
            recurrent(n_units, max(2, repeats // 5))
    if "small" in given.parts:
        layers((200, 64, 128), torch.float32, 2 * repeats, 24 * 200 * 64 * 128 / rate)
    if "large" in given.parts:
        for dtype, n_bytes in ((torch.float32, 24), (torch.float16, 12)):
            shape = (32, 64, 65536)
            layers(shape, dtype, repeats, n_bytes * math.prod(shape) / rate)


if __name__ == "__main__":
    main()
