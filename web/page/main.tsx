// The page's entry.

import { render } from "preact";
import { App } from "./app.tsx";
import "./styles/index.css";
import "./keys.ts";
import "./title.ts";

const root = document.getElementById("root");
if (root !== null) {
  root.replaceChildren();
  render(<App />, root);
}
