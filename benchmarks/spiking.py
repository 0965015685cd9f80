"""Spiking layers beside snnTorch, SpikingJelly and Norse: time, memory, gradients.

    OMP_NUM_THREADS=1 python benchmarks/spiking.py [--repeats 21] [--parts feedforward] [--dense]

One CPU thread, 96 inputs - 128 units - 2 units, batch 64, 200 steps. All networks hold the same
weights and are timed in turn, round by round, so that a busy machine slows them alike; ratios are
those of the medians. Times are the thread's own CPU time. GPUs: `benchmarks/spiking_cuda.py`.
"""

import argparse
import math
import statistics
import time

import torch
from torch import nn

from neurokit.nn import LIF, RecurrentLIF, SpikingSequential, accumulate_gradients

T, B, N_IN, N_HIDDEN, N_OUT, DECAY = 200, 64, 96, 128, 2, 0.9


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=21)
    parser.add_argument("--parts", nargs="+", default=["feedforward", "recurrent", "credit"])
    parser.add_argument("--dense", action="store_true", help="inputs that are mostly numbers")
    given = parser.parse_args()
    repeats = given.repeats
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    for reset in ("zero", "subtract"):
        if "feedforward" in given.parts:
            feedforward(reset, repeats, dense=given.dense)
    for n_units in (64, 128, 1024):
        if "recurrent" in given.parts:
            recurrent(n_units, max(5, repeats // (4 if n_units == 1024 else 1)))
    if "credit" in given.parts:
        credit()


def timed(calls, repeats):
    """Return the CPU milliseconds of each call, by name, the calls taking turns."""
    times = {name: [] for name in calls}
    for turn in range(repeats + 2):
        for name, call in calls.items():
            start = time.thread_time()
            call()
            if turn >= 2:
                times[name].append((time.thread_time() - start) * 1e3)
    return times


def table(title, forward, both, extra):
    print(f"\n{title}\n{'':38s}{'forward ms':>22s}{'forward+backward ms':>24s}  saved MiB")
    for name in forward:
        cells = [
            f"{statistics.median(x[name]):8.1f} [{min(x[name]):.1f} {max(x[name]):.1f}]"
            for x in (forward, both)
        ]
        print(f"{name:38s}{cells[0]:>22s}{cells[1]:>24s}  {extra[name]}")
    peers = [name for name in both if name not in ("neurokit", "matrix products alone")]
    for what, x in (("forward", forward), ("forward+backward", both)):
        if peers:
            best = min(statistics.median(x[name]) for name in peers)
            print(f"  best peer / neurokit, {what}: {best / statistics.median(x['neurokit']):.1f}")
        floor = statistics.median(x["matrix products alone"])
        print(f"  neurokit / products, {what}: {statistics.median(x['neurokit']) / floor:.2f}")


def compare(title, networks, x, y, repeats):
    def forward(network):
        with torch.no_grad():
            network(x)

    def both(network):
        network.zero_grad(set_to_none=True)
        ((network(x) - y) ** 2).mean().backward()

    extra, reference = {}, None
    for name, network in networks.items():
        kept = {}

        def pack(t, kept=kept):
            kept[t.untyped_storage().data_ptr()] = t.untyped_storage().nbytes()
            return t

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
            out = network(x)
        kept.pop(x.untyped_storage().data_ptr(), None)
        parameters = {p.untyped_storage().data_ptr() for p in network.parameters()}
        saved = sum(n for p, n in kept.items() if p not in parameters) / 2**20
        both(network)
        grads = torch.cat([p.grad.flatten() for p in network.parameters() if p.ndim == 2])
        grads = grads / (network.scale if hasattr(network, "scale") else 1)
        if reference is None:
            reference = (out, grads)
        same = ((out.detach() - reference[0]).abs() > 1e-4).float().mean()
        extra[name] = f"{saved:5.1f}   mean {out.mean():.4f}, outputs that differ {same:.1e}"
        if grads.shape == reference[1].shape:
            away = ((grads - reference[1]).norm() / reference[1].norm()).item()
            extra[name] += f", gradient differs {away:.1e}"
    forwards = timed({n: lambda net=net: forward(net) for n, net in networks.items()}, repeats)
    boths = timed({n: lambda net=net: both(net) for n, net in networks.items()}, repeats)
    table(title, forwards, boths, extra)


class Network(nn.Module):
    """Two linear layers and a function of their currents, or of time steps."""

    def __init__(self, weights, run, modules=(), scale=1.0):
        super().__init__()
        self.linear = nn.ModuleList(nn.Linear(w.shape[1], w.shape[0], bias=False) for w in weights)
        with torch.no_grad():
            for layer, w in zip(self.linear, weights, strict=True):
                layer.weight.copy_(w * scale)
        self.cells = nn.ModuleList(modules)
        self.run = run

    def forward(self, x):
        return self.run(self, x)


def feedforward(reset, repeats, dense):
    g = torch.Generator().manual_seed(0)
    x = (torch.rand(T, B, N_IN, generator=g) < 0.1).float()
    if dense:  # of the same power
        x = torch.randn(T, B, N_IN, generator=g) * math.sqrt(0.1)
    y = (torch.rand(T, B, N_OUT, generator=g) < 0.1).float()
    weights = [
        torch.randn(N_HIDDEN, N_IN, generator=g) * 1.2 / math.sqrt(N_IN * 0.1) * 0.35,
        torch.randn(N_OUT, N_HIDDEN, generator=g) * 0.25,
    ]

    def ours(net, x):
        return net.cells[0](x)[0]

    def layers(linear):
        first, second = linear
        options = {"decay": DECAY, "reset": reset}
        return SpikingSequential(first, LIF(N_HIDDEN, **options), second, LIF(N_OUT, **options))

    network = Network(weights, ours)
    network.cells.append(layers(network.linear))
    networks = {
        "neurokit": network,
        "matrix products alone": Network(weights, lambda net, x: net.linear[1](net.linear[0](x))),
    }
    try:
        import snntorch

        def steps(net, x):
            states = [cell.init_leaky() for cell in net.cells]
            out = []
            for row in x:
                for k, (layer, cell) in enumerate(zip(net.linear, net.cells, strict=True)):
                    row, states[k] = cell(layer(row), states[k])
                out.append(row)
            return torch.stack(out)

        cells = [
            snntorch.Leaky(beta=DECAY, spike_grad=snntorch.surrogate.atan(), reset_mechanism=reset)
            for _ in weights
        ]
        networks[f"snnTorch {snntorch.__version__} Leaky"] = Network(weights, steps, cells)
    except ImportError:
        print("snnTorch: not installed")
    try:
        import logging

        logging.disable(logging.WARNING)
        from spikingjelly.activation_based import functional, neuron, surrogate

        def whole(net, x):
            functional.reset_net(net)
            for layer, cell in zip(net.linear, net.cells, strict=True):
                x = cell(layer(x))
            return x

        for detach in (False, True):
            cells = [
                neuron.LIFNode(
                    tau=1 / (1 - DECAY),
                    decay_input=False,
                    v_reset=0.0 if reset == "zero" else None,
                    surrogate_function=surrogate.ATan(),
                    detach_reset=detach,
                    step_mode="m",
                )
                for _ in weights
            ]
            name = "SpikingJelly LIFNode" + (", detached reset" if detach else "")
            networks[name] = Network(weights, whole, cells)
    except ImportError:
        print("SpikingJelly: not installed")
    if reset == "zero":
        try:
            import norse.torch as norse

            def boxes(net, x):
                states = [None, None]
                out = []
                for row in x:
                    for k, (layer, cell) in enumerate(zip(net.linear, net.cells, strict=True)):
                        row, states[k] = cell(layer(row), states[k])
                    out.append(row)
                return torch.stack(out)

            cells = [norse.LIFBoxCell() for _ in weights]
            networks["Norse LIFBoxCell"] = Network(weights, boxes, cells, scale=10.0)
        except ImportError:
            print("Norse: not installed")
    compare(
        f"96-128-2, batch 64, 200 steps, reset {reset}, {'dense' if dense else 'sparse'} input",
        networks,
        x,
        y,
        repeats,
    )


def recurrent(n_units, repeats):
    g = torch.Generator().manual_seed(0)
    x = (torch.rand(T, B, N_IN, generator=g) < 0.1).float()
    y = (torch.rand(T, B, N_OUT, generator=g) < 0.1).float()
    w_in = torch.randn(n_units, N_IN, generator=g) * 1.2 / math.sqrt(N_IN * 0.1) * 0.35
    w_rec = torch.randn(n_units, n_units, generator=g) * 0.3 / math.sqrt(n_units)
    w_out = torch.randn(N_OUT, n_units, generator=g) / math.sqrt(n_units)

    def ours(net, x):
        return net.cells[0](x)[0]

    def products(net, x):
        s, out = torch.zeros(B, n_units), []
        for current in net.linear[1](x).unbind(0):
            s = torch.addmm(current, s, net.linear[2].weight.T)
            out.append(s)
        return net.linear[0](torch.stack(out))

    network = Network([w_out, w_in], ours)
    units = RecurrentLIF(n_units, decay=DECAY)
    with torch.no_grad():
        units.weight.copy_(w_rec)
    network.cells.append(SpikingSequential(network.linear[1], units, network.linear[0]))
    networks = {
        "neurokit": network,
        "matrix products alone": Network([w_out, w_in, w_rec * 0.01], products),
    }
    try:
        import snntorch

        def steps(net, x):
            spikes, potential = net.cells[0].init_rleaky()
            spikes, out = torch.zeros(B, n_units), []
            for row in x:
                spikes, potential = net.cells[0](net.linear[1](row), spikes, potential)
                out.append(spikes)
            return net.linear[0](torch.stack(out))

        cell = snntorch.RLeaky(
            beta=DECAY,
            linear_features=n_units,
            spike_grad=snntorch.surrogate.atan(),
            reset_mechanism="zero",
        )
        with torch.no_grad():
            cell.recurrent.weight.copy_(w_rec)
            cell.recurrent.bias.zero_()
        networks["snnTorch RLeaky"] = Network([w_out, w_in], steps, [cell])
    except ImportError:
        print("snnTorch: not installed")
    try:
        import norse.torch as norse

        def cells(net, x):
            state, out = None, []
            for row in x:
                spikes, state = net.cells[0](row, state)
                out.append(spikes)
            return net.linear[0](torch.stack(out))

        cell = norse.LIFRecurrentCell(N_IN, n_units, autapses=True)
        with torch.no_grad():
            cell.input_weights.copy_(w_in)
            cell.recurrent_weights.copy_(w_rec)
        networks["Norse LIFRecurrentCell (current-based)"] = Network([w_out], cells, [cell])
    except ImportError:
        print("Norse: not installed")
    title = f"{N_IN}-{n_units} recurrent-{N_OUT} (linear), batch 64, 200 steps"
    compare(title, networks, x, y, repeats)


def credit():
    """Memory against the number of steps, and loss after the same training."""
    print("\nlearning rules: peak kept for backward, MiB, and loss after 100 updates (5 seeds)")
    for rule in ("bptt", "sltt", "sltt-k", "tess"):
        peaks = []
        for n_times in (50, 200, 800):
            network, x, y = planted(0, n_times)
            alive = [0, 0]

            class Held:
                def __init__(self, t, alive=alive):
                    self.t, self.alive = t, alive
                    alive[0] += t.nbytes
                    alive[1] = max(alive)

                def __del__(self):
                    self.alive[0] -= self.t.nbytes

            with torch.autograd.graph.saved_tensors_hooks(Held, lambda held: held.t):
                accumulate_gradients(network, x, y, nn.functional.mse_loss, credit=rule)
            peaks.append(alive[1] / 2**20)
        losses = []
        for seed in range(5):
            network, x, y = planted(seed, 50)
            optimiser = torch.optim.Adam(network.parameters(), lr=5e-3)
            for _ in range(100):
                optimiser.zero_grad()
                accumulate_gradients(
                    network, x, y, nn.functional.mse_loss, credit=rule, n_grad_steps=10
                )
                optimiser.step()
            with torch.no_grad():
                losses.append(nn.functional.mse_loss(network(x)[0], y).item() / y.var().item())
        kept = " ".join(f"{p:7.3f}" for p in peaks)
        middle, spread = statistics.median(losses), (min(losses), max(losses))
        print(f"{rule:8s} T 50, 200, 800: {kept}   loss / variance {middle:.3f} {spread}")


def planted(seed, n_times):
    """Spikes whose recent sum drives two outputs, and a network to learn it."""
    torch.manual_seed(seed)
    x = (torch.rand(n_times, 32, 20) < 0.2).float()
    drive, y = torch.zeros(32, 20), []
    for row in x:
        drive = 0.8 * drive + row
        y.append(drive @ torch.linspace(-1, 1, 40).view(20, 2) / 4)
    network = SpikingSequential(nn.Linear(20, 64), LIF(64), nn.Linear(64, 2))
    return network, x, torch.stack(y)


if __name__ == "__main__":
    main()
