// The messages for the demo agent, which gives equal messages equal answers.

/** An answer of some seconds, during which the tabs can be checked. */
export const SLOW = "Take your time. /tokens 250 /rate 100";

/** Long enough to open or close tabs in the middle of it on a slow machine. */
export const LONG = "At length. /tokens 500 /rate 100";

/** Longer than any test, which has to stop it. */
export const ENDLESS = "Go on and on. /tokens 20000 /rate 100";

export const ALL_AT_ONCE = "Quick! /tokens 40 /rate 0";
