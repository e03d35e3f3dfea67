// A promise of what is over already. Whoever is given this very one has nothing to wait for: a socket takes nearly every
// write at once, and then a stream costs no promise and no turn of the event loop a piece.

export const DONE: Promise<void> = Promise.resolve();
