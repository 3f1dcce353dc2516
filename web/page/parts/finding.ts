// Finding a room by some letters of its name: accents and case make no difference.

interface Named {
  key: string;
  title: string;
}

/** The rooms whose name holds every word that was typed; those that begin with it first. */
export function found<R extends Named>(rooms: readonly R[], typed: string): R[] {
  const words = plain(typed).split(/\s+/u).filter(Boolean);
  const [first = ""] = words;
  const holds = ({ key, title }: Named) => {
    const name = plain(`${title} ${key}`);
    return words.every((word) => name.includes(word));
  };
  const begins = ({ title }: Named) => (plain(title).startsWith(first) ? 0 : 1);
  return rooms.filter(holds).sort((a, b) => begins(a) - begins(b));
}

const plain = (text: string) =>
  text
    .normalize("NFD")
    .replace(/\p{Mn}/gu, "")
    .toLowerCase();
