// What the demo agent is asked: the same message gets the same answer.

/** Some seconds, in which the tabs can be looked at. */
export const SLOW = "Take your time. /tokens 250 /rate 100";

/** Long enough to open a tab, or to close some, in the middle of it on a slow machine. */
export const LONG = "At length. /tokens 500 /rate 100";

/** Longer than any test: it is stopped. */
export const ENDLESS = "Go on and on. /tokens 20000 /rate 100";

export const ALL_AT_ONCE = "Quick! /tokens 40 /rate 0";
