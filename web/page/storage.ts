// What the browser keeps for us. Storage can be forbidden or full; then it lasts as long as the
// page does. Keys bear the base path, since two servers can share one origin.

const prefix = `palabre:${new URL(document.baseURI).pathname}:`;

/** Texts by key. */
export interface Kept {
  get(key: string): string | undefined;
  /** Keeps a text, or forgets it where there is none. */
  set(key: string, text: string | undefined): void;
  /** What follows a kind in the keys of that kind. */
  all(kind: string): string[];
}

/** Hears of keys of a kind that another tab has begun to keep, or forgotten. */
export function onKeptElsewhere(kind: string, listener: () => void): void {
  addEventListener("storage", ({ key, oldValue, newValue }) => {
    const isNews = (oldValue === null) !== (newValue === null);
    if (isNews && key?.startsWith(prefix + kind)) listener();
  });
}

function keptIn(storage: () => Storage): Kept {
  const lasting = new Map<string, string>();
  return {
    get(key) {
      try {
        return storage().getItem(prefix + key) ?? lasting.get(key);
      } catch {
        return lasting.get(key);
      }
    },
    set(key, text) {
      lasting.delete(key);
      try {
        if (text === undefined) storage().removeItem(prefix + key);
        else storage().setItem(prefix + key, text);
      } catch {
        if (text !== undefined) lasting.set(key, text);
      }
    },
    all(kind) {
      const begin = prefix + kind;
      let kept = [...lasting.keys()].map((key) => prefix + key);
      try {
        kept = [...kept, ...Object.keys(storage())];
      } catch {
        // What lasts as long as the page does is all there is.
      }
      return kept.filter((key) => key.startsWith(begin)).map((key) => key.slice(begin.length));
    },
  };
}

/** Who we are and what we prefer: shared by all tabs, until it is cleared. */
export const lasting: Kept = keptIn(() => localStorage);

/** What is being written: this tab's own, and there again after a reload. */
export const ofThisTab: Kept = keptIn(() => sessionStorage);
