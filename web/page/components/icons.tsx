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
      <path d="M16 2.6c-3.5 0-6.5 1.9-7.9 4.8C4.8 7.9 2.2 10.6 2.2 14c0 3.9 3.2 7 7.1 7h5c-.1 3-1.5 6-4.3 8.4h8.9c-1.2-2.6-1.6-5.4-1.4-8.4h5.2c3.9 0 7.1-3.1 7.1-7 0-3.4-2.6-6.1-5.9-6.6C22.5 4.5 19.5 2.6 16 2.6z" />
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
