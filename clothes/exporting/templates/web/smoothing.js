// Live answers are smoothed, so that one frame does not turn them.
const SMOOTH = 0.6; // share of the earlier frames

export const blend = (before, now) => before === undefined ? now : SMOOTH * before + (1 - SMOOTH) * now;
