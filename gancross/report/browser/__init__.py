"""Results in the browser: the HTML report, notebooks, sample grids."""
