"""Internal: the mathematics beneath the families, on plain arrays, and the runner of chains.

Nothing here knows labels, units or estimators: arrays in, arrays out, checked by whoever calls.
``hmm`` infers hidden chains, ``glm`` takes Newton steps of Poisson regressions, ``chains`` runs
Markov chains and restarts; ``polya_gamma``, ``crt`` and ``gaussian_states`` draw Pólya-gamma
numbers, tables of restaurants and Gaussian chains; ``ridge`` solves regressions on lagged samples,
``recursion`` runs linear recursions, ``membranes`` spiking units; ``resuming`` names what a long
computation hangs on. Families never import each other; what two of them need stands here.
"""
