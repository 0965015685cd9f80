"""Internal: the sampler behind `BayesianBiclustering`, on plain arrays.

Notation of all files here. N units, T bins, p factors, q = p + 1, K clusters, L states.

    counts[i, t] | .  ~ NB(shape r_i, mean mu_it) or Poisson(mu_it)
    log mu_it         = delta_i + m_t + c_i' x_t,  (m_t, x_t) = latents[z_i, t]
    latents[j, t]     ~ N(b + A latents[j, t - 1], Q) with (A, b, Q) of cluster j and state xi_t
    latents[j, t]     ~ N(0, I) at the first bin of a run
    (A, b, Q)         ~ matrix normal inverse Wishart;  (delta_i, c_i) ~ N(0, scale^2 I)
    r_i ~ Gamma;  z   ~ mixture of finite mixtures;  xi ~ hidden Markov chain, sticky HDP

The state of a bin is that of the step that leads into it, here as everywhere in this folder. Every
step leaves the posterior exactly as it is; approximations by a Gaussian only propose.

``likelihood`` the counts; ``beginning`` where a chain starts; ``loadings`` units given
trajectories; ``dynamics`` trajectories given states and the reverse; ``latents`` trajectories
given counts; ``states`` the hidden chain; ``partition_prior`` the mixture of finite mixtures;
``frames`` moves along what the data do not fix; ``splits`` clusters that open and close;
``state_splits`` states that do;
``transfers`` units that change clusters with both trajectories (``sides``: one of the two);
``sweep`` all of it in turn; ``inference`` new counts under draws that are kept.
"""
