// The page's words in English. The shape of this dictionary is the shape of all.

const count = new Intl.NumberFormat("en");
const plural = new Intl.PluralRules("en");
const of = (n: number, one: string, other: string) =>
  `${count.format(n)} ${plural.select(n) === "one" ? one : other}`;

export const en = {
  /** The name of the language, in itself. */
  language: "English",
  skip: "Skip to the conversation",

  first: {
    question: "What should people call you?",
    enter: "Come in",
    later: "You can change it at any time.",
  },

  room: {
    log: (room: string) => `Conversation in ${room}`,
    rooms: "Rooms",
    empty: "Nobody has spoken yet. The first word is yours.",
    begins: "The conversation begins here.",
    trimmed: "What was said before is no longer kept.",
    loading: "Fetching what was said before…",
    entering: "Entering…",
    refused: "This room can’t be entered",
    lobby: (room: string) => `Go to ${room}`,
  },

  message: {
    label: (author: string, time: string) => `${author}, ${time}`,
    own: "you",
    unnamed: "someone",
    fresh: (n: number) => of(n, "new message", "new messages"),
    newest: "Back to the newest",
    waiting: "Waiting",
    waitingTooFast: "Waiting: that was too fast",
    pending: "On its way",
    cancel: "Cancel",
    retry: "Try again",
    edit: "Edit",
  },

  composer: {
    label: "Your message",
    placeholder: "Say something",
    send: "Send",
    left: (n: number) => of(n, "character left", "characters left"),
    over: (n: number) => of(n, "character too many", "characters too many"),
    full: (n: number) => `${of(n, "message is", "messages are")} waiting already. Keep this one.`,
  },

  state: {
    connecting: "Connecting…",
    online: "Connected",
    offline: "Reconnecting…",
    refused: "Disconnected",
    idle: "Not connected",
    ended: "The server closed the connection.",
    again: "Connect again",
    degraded: "Messages are being held; nothing is lost.",
    recovered: (n: number) => `You are up to date: ${of(n, "message", "messages")} came in.`,
    missed: (n: number) => `${of(n, "message", "messages")} came in while you were away.`,
    restarted: "The server lost its past. What you see is what it still has.",
    gap: "You were away longer than messages are kept. Some in between are gone.",
    close: "Close",
  },

  menu: {
    open: (name: string, state: string) => `${name}, ${state}: you and the connection`,
    title: "You and the connection",
    name: "Your name",
    rename: "Save",
    renamed: "Saved",
    instance: "Served by",
    transport: "Over",
    roundTrip: "Round trip",
    milliseconds: (n: number) => `${count.format(n)} ms`,
    transports: { websocket: "WebSocket", polling: "HTTP polling" } as Record<string, string>,
    unknown: "–",
    language: "Language",
  },

  day: { today: "Today", yesterday: "Yesterday" },

  refusal: {
    bad_request: "The server did not understand this.",
    unauthorized: "The server doesn’t know you any more. Reload the page.",
    forbidden: "You may not do this.",
    not_found: "There is no such room.",
    too_large: "This is too long.",
    rate_limited: "That was too fast. Wait a moment.",
    conflict: "This was sent before, with other words.",
    muted: "You can’t speak here for now.",
    locked: "This room is closed.",
    unavailable: "The server can’t store it right now.",
    internal: "The server made a mistake. Try again.",
  } as Record<string, string>,
  refusedName: "This name won’t do: it needs a letter or a digit, and no special signs.",
  refusedRoom: "A room’s name has letters, digits, “-”, “_” and “.”, at most 64.",
};

/** The words of the page. */
export type Words = typeof en;
