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
