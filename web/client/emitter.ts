// A typed set of listeners, the one way in which parts of the client tell of what happened.

/** Listeners by the name of what they hear; the map's values are what they are given. */
export class Emitter<Heard extends object> {
  readonly #listeners: { [K in keyof Heard]?: Set<(value: Heard[K]) => void> } = {};

  /** Hears `name` until the function that is returned is called. */
  on<K extends keyof Heard>(name: K, listener: (value: Heard[K]) => void): () => void {
    let listeners = this.#listeners[name];
    if (listeners === undefined) {
      listeners = new Set();
      this.#listeners[name] = listeners;
    }
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  protected emit<K extends keyof Heard>(name: K, value: Heard[K]): void {
    for (const listener of [...(this.#listeners[name] ?? [])]) listener(value);
  }
}
