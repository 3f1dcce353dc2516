// The window's title: the room, and how much came in while nobody looked.

import { computed, effect, signal } from "@preact/signals";
import { announced, talk } from "./conversation.ts";

const room = computed(() => talk.value?.key);
const newest = computed(() => announced.value.at(-1)?.key);
const unseen = signal(0);
const hidden = signal(document.hidden);

document.addEventListener("visibilitychange", () => {
  hidden.value = document.hidden;
});

effect(() => {
  if (!hidden.value) unseen.value = 0;
});

effect(() => {
  if (newest.value !== undefined && hidden.peek()) unseen.value = unseen.peek() + 1;
});

effect(() => {
  const title = room.value === undefined ? "Palabre" : `${room.value} · Palabre`;
  document.title = unseen.value > 0 ? `(${unseen.value}) ${title}` : title;
});
