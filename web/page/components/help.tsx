// What the keyboard can do.

import { words } from "../i18n/index.ts";
import { close } from "../panels.ts";
import { Cross } from "./icons.tsx";
import { Sheet } from "./sheet.tsx";

export function Help() {
  const { help } = words.value;
  return (
    <Sheet name="help" label={help.title}>
      <header class="sheet-head">
        <h2>{help.title}</h2>
        <button type="button" class="icon" aria-label={help.close} onClick={close}>
          <Cross />
        </button>
      </header>
      {help.groups.map(({ title, keys }) => (
        <section key={title}>
          <h3>{title}</h3>
          <dl class="keys">
            {keys.map(({ key, does }) => (
              <div key={does}>
                <dt>
                  {key.split(" ").map((one) => (
                    <kbd key={one}>{one}</kbd>
                  ))}
                </dt>
                <dd>{does}</dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
    </Sheet>
  );
}
