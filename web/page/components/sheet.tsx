// A sheet over the page: a modal dialog of the browser's own, which keeps the focus inside, ends
// with Escape or a press beside it, and gives the focus back.

import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { focusBack } from "../device.ts";
import { close, type SheetName, sheet } from "../panels.ts";

interface SheetProps {
  name: SheetName;
  label: string;
  children: ComponentChildren;
}

export function Sheet({ name, label, children }: SheetProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const isOpen = sheet.value === name;
  // Before the next key is pressed: it belongs to the sheet.
  useLayoutEffect(() => {
    const element = dialog.current;
    if (element === null || element.open === isOpen) return;
    if (isOpen) element.showModal();
    else element.close();
  }, [isOpen]);
  const closed = () => {
    if (sheet.peek() === name) close();
    // The browser gives it back, unless what had it is no longer there.
    if (document.activeElement === document.body) focusBack();
  };
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the browser closes it with Escape
    <dialog
      ref={dialog}
      class={`sheet ${name}-sheet`}
      aria-label={label}
      onClose={closed}
      onClick={(event) => event.target === event.currentTarget && close()}
    >
      {isOpen && <div class="sheet-inside">{children}</div>}
    </dialog>
  );
}
