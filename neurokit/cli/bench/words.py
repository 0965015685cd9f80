"""What `neurokit bench --help` says of its benchmarks."""

BENCH = """\
Score decoders on a public benchmark, as its leaderboard does.

mi: left or right hand of BNCI 2014-001 (A01T.mat, ...), each person left out in turn.
  decoders: tangent, csp, mdm, band (these without asking), dbconformer, eegnet, shallow
ssvep: twelve flickering targets of Nakanishi 2015 (s1.mat, ...), trials of one second.
  decoders: fbcca, etrca, tdca
  Both take trials written by neurokit.io.save (.nc, .zarr; coordinates label and subject) as well,
  and print the published figures beside ours, with the protocol card.
reaching: primate motor prediction of NeuroBench, six recordings of the Sabes laboratory
  (https://zenodo.org/records/583331; indy_20160622_01.mat, indy_20160630_01.mat,
  indy_20170131_02.mat, loco_20170210_03.mat, loco_20170215_02.mat, loco_20170301_05.mat).
  Bins of 4 ms, velocity of the cursor; the first half of the reaches to train on, a quarter to
  validate, the last quarter to test. Each recording has a decoder of its own. NeuroBench's
  committed figures stand in the table beside ours.

  decoders (without asking: wiener, kalman, ann2d, ann3d, snn2, snn3d, tiny): wiener (on three
  numbers for each channel's last 0.2 s), kalman, ann2d, ann3d, snn2, snn3d, streaming, tiny, big,
  spiking, gru, lstm, elm
filters behind them: none, bessel-causal, bessel-last, bessel-middle, bessel-offline, fir,
  fir-late; 6.25 Hz, 32 predictions at most. They are fitted on the validation part. R2 is in
  real time; "aligned" forgives their delay.

example:
  neurokit bench reaching --data ~/sabes --decoders tiny,snn2 --filters none,fir --out table.csv
"""
