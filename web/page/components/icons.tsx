// The page's own drawings: the tree whose crown is a speech shape, and a few signs. They are
// decoration; what they mean is always said in words beside them.

import type { ComponentChildren } from "preact";

function Sign({ children }: { children: ComponentChildren }) {
  return (
    <svg class="sign" viewBox="0 0 24 24" aria-hidden="true">
      {children}
    </svg>
  );
}

/** The tree of the wordmark; the same drawing is the favicon. */
export function Tree() {
  return (
    <svg class="tree" viewBox="0 0 32 32" aria-hidden="true">
      <path
        fill-rule="evenodd"
        d="M16 2.4C8.2 2.4 2 6.9 2 12.5c0 5.4 5.7 9.7 12.9 10.1-.2 2.5-1.7 4.8-4.7 7h9.6c-1-2.3-1.3-4.6-1-7C25.4 21.9 30 17.7 30 12.5 30 6.9 23.8 2.4 16 2.4zM9.3 10.2a2.2 2.2 0 1 1 0 4.4 2.2 2.2 0 0 1 0-4.4zM16 10.2a2.2 2.2 0 1 1 0 4.4 2.2 2.2 0 0 1 0-4.4zM22.7 10.2a2.2 2.2 0 1 1 0 4.4 2.2 2.2 0 0 1 0-4.4z"
      />
    </svg>
  );
}

export const Up = () => (
  <Sign>
    <path d="M12 19V5M5.5 11.5 12 5l6.5 6.5" />
  </Sign>
);

export const Down = () => (
  <Sign>
    <path d="M12 5v14M5.5 12.5 12 19l6.5-6.5" />
  </Sign>
);

export const Clock = () => (
  <Sign>
    <circle cx="12" cy="12" r="8.5" />
    <path d="M12 7v5.2l3.2 2" />
  </Sign>
);

export const Warning = () => (
  <Sign>
    <circle cx="12" cy="12" r="8.5" />
    <path d="M12 7.5v5.5M12 16.2v.3" />
  </Sign>
);

export const Cross = () => (
  <Sign>
    <path d="m6 6 12 12M18 6 6 18" />
  </Sign>
);

export const Plus = () => (
  <Sign>
    <path d="M12 5v14M5 12h14" />
  </Sign>
);

export const Lines = () => (
  <Sign>
    <path d="M4 7h16M4 12h16M4 17h10" />
  </Sign>
);

export const Chevron = () => (
  <Sign>
    <path d="m7 10 5 5 5-5" />
  </Sign>
);

export const Copy = () => (
  <Sign>
    <rect x="9" y="9" width="11" height="11" rx="2.5" />
    <path d="M15 5.5A1.5 1.5 0 0 0 13.5 4h-8A1.5 1.5 0 0 0 4 5.5v8A1.5 1.5 0 0 0 5.5 15" />
  </Sign>
);

export const Link = () => (
  <Sign>
    <path d="M10 14a4 4 0 0 0 6 .4l3-3a4.2 4.2 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6-.4l-3 3a4.2 4.2 0 0 0 6 6l1-1" />
  </Sign>
);

export const Search = () => (
  <Sign>
    <circle cx="10.5" cy="10.5" r="6" />
    <path d="m15 15 5 5" />
  </Sign>
);

export const Reply = () => (
  <Sign>
    <path d="m9 7-5 5 5 5M4.5 12H14a6 6 0 0 1 6 6" />
  </Sign>
);
