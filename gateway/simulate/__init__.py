"""A site with known truth, played into the emulators of the drivers: for the demo, the benchmarks and the tests."""
