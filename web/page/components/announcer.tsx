// Tells those who listen what others just said: politely, and neither history nor one's own words.

import { announced } from "../conversation.ts";

export function Announcer() {
  return (
    <div class="hidden" aria-live="polite" aria-relevant="additions">
      {announced.value.map(({ key, name, text }) => (
        <p key={key}>
          {name}: {text}
        </p>
      ))}
    </div>
  );
}
