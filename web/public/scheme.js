// Puts the chosen colours in place before the first paint; page/scheme.ts does everything else.
try {
  const prefix = `palabre:${new URL(document.baseURI).pathname}:`;
  const chosen = localStorage.getItem(`${prefix}scheme`);
  if (chosen) document.documentElement.dataset.scheme = chosen;
} catch {
  // Storage is forbidden: the system's colours, then.
}
