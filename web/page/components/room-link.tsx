// A link to a room: an ordinary one, that needs no page load when it is simply clicked.

import type { ComponentChildren } from "preact";
import { addressOf, go } from "../route.ts";

interface RoomLinkProps {
  room: string;
  class?: string;
  current?: boolean;
  /** Told when it was followed here. */
  onFollow?: () => void;
  children: ComponentChildren;
}

export function RoomLink({ room, class: kind, current, onFollow, children }: RoomLinkProps) {
  const follow = (event: MouseEvent) => {
    if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) {
      return;
    }
    event.preventDefault();
    go(room);
    onFollow?.();
  };
  return (
    <a
      class={kind}
      href={addressOf(room)}
      onClick={follow}
      aria-current={current === true ? "page" : undefined}
    >
      {children}
    </a>
  );
}
