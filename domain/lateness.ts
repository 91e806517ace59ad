/** Upper bounds in seconds of the lateness histogram (applied − due): fine where the promise is, coarse for outages. */
export const LATENESS_BOUNDS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 60, 600, 3600]
