// The page's words in English. The shape of this dictionary is the shape of all.

const count = new Intl.NumberFormat("en");
const plural = new Intl.PluralRules("en");
const of = (n: number, one: string, other: string) =>
  `${count.format(n)} ${plural.select(n) === "one" ? one : other}`;

/** A name in a sentence: whichever way it is written, it does not turn the sentence around. */
const isolated = (name: string) => `\u2068${name}\u2069`;

export const en = {
  /** The name of the language, in itself. */
  language: "English",
  skip: "Skip to the conversation",

  first: {
    question: "What should people call you?",
    enter: "Come in",
    later: "You can change it at any time.",
    into: (room: string) => `You are on your way to ${isolated(room)}.`,
  },

  room: {
    log: (room: string) => `Conversation in ${room}`,
    rooms: "Rooms",
    find: "Find or make a room",
    unread: (n: number) => of(n, "unread message", "unread messages"),
    atMost99: (n: number) => (n > 99 ? "99+" : String(n)),
    menu: ": what can be done with this room",
    menuOf: (room: string) => `The room ${isolated(room)}`,
    copy: "Copy the link to this room",
    copied: "Copied",
    leave: "Leave this room",
    isLobby: "This is the lobby: everybody is in it.",
    empty: "Nobody has spoken yet. The first word is yours.",
    begins: "The conversation begins here.",
    trimmed: "What was said before is no longer kept.",
    loading: "Fetching what was said before…",
    entering: "Entering…",
    refused: "This room can’t be entered",
    isPrivate: "It is private, and only for those who are in it.",
    lobby: (room: string) => `Go to ${room}`,
  },

  message: {
    label: (author: string, time: string) => `${author}, ${time}`,
    own: "you",
    unnamed: "someone",
    fresh: (n: number) => of(n, "new message", "new messages"),
    newest: "Back to the newest",
    unreadLine: "New",
    copy: "Copy text",
    link: "Copy link",
    reply: "Answer",
    copied: "Copied",
    linked: "Link copied",
    answers: (author: string) => `Answer to ${isolated(author)}`,
    further: "Show what this answers",
    waiting: "Waiting",
    waitingTooFast: "Waiting: that was too fast",
    cancel: "Cancel",
    retry: "Try again",
    edit: "Edit",
  },

  composer: {
    label: "Your message",
    placeholder: (room: string) => `Say something in ${isolated(room)}`,
    number: (n: number) => count.format(n),
    send: "Send",
    left: (n: number) => of(n, "character left", "characters left"),
    over: (n: number) => of(n, "character too many", "characters too many"),
    answering: (author: string) => `You answer ${isolated(author)}`,
    notAnswering: "Don’t answer this message",
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

  people: {
    title: "People",
    number: (n: number) => count.format(n),
    here: (n: number) => `${count.format(n)} here`,
    opens: ": who is here",
    close: "Close the list of people",
    crowd: (n: number) => `${of(n, "person is", "people are")} here: too many to list them all.`,
  },

  typing: {
    one: (a: string) => `${isolated(a)} is typing…`,
    two: (a: string, b: string) => `${isolated(a)} and ${isolated(b)} are typing…`,
    several: "Several people are typing…",
  },

  find: {
    title: "Find or make a room",
    close: "Close",
    make: (title: string) => `Make the room “${isolated(title)}”`,
    members: (n: number) => of(n, "person", "people"),
    none: "There is no room of this name, and none can be made of these signs.",
    taken: "There is a room of this name already, and it is private.",
  },

  help: {
    title: "Keyboard",
    close: "Close",
    groups: [
      {
        title: "Writing",
        keys: [
          { key: "Enter", does: "Send" },
          { key: "Shift Enter", does: "Begin a new line" },
          { key: "↑", does: "In an empty field: to the newest message" },
        ],
      },
      {
        title: "Reading",
        keys: [
          { key: "J K", does: "Next and previous message; the arrows do the same" },
          { key: "Home End", does: "To the beginning, to the end" },
          { key: "C L R", does: "Copy the text, copy the link, answer" },
          { key: "Esc", does: "Back to writing" },
        ],
      },
      {
        title: "Rooms",
        keys: [
          { key: "Ctrl K", does: "Find or make a room" },
          { key: "Alt ↑ ↓", does: "Previous and next room" },
          { key: "?", does: "This list" },
        ],
      },
    ],
  },

  menu: {
    opens: ": you and the connection",
    title: "You and the connection",
    name: "Your name",
    rename: "Save",
    renamed: "Saved",
    instance: "Served by",
    transport: "Over",
    roundTrip: "Round trip",
    milliseconds: (n: number) => `${count.format(n)} ms`,
    transports: { websocket: "WebSocket", polling: "HTTP polling" } as Record<string, string>,
    version: "Version",
    path: "Last message",
    /** Over an instance to its place in the log and back to us. */
    pathOf: (instance: string, offset: number, ms: number) =>
      `${isolated(instance)} → no. ${count.format(offset)}, ${count.format(ms)} ms`,
    unknown: "–",
    language: "Language",
    scheme: "Colours",
    schemes: { system: "Automatic", light: "Light", dark: "Dark" },
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
