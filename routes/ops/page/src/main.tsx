import { render } from "preact";
import "./style/base.css";
import "./style/shell.css";
import "./style/parts.css";
import "./style/table.css";
import "./style/pages.css";
import "./style/state.css";
import "./style/images.css";
import "./style/requests.css";
import "./style/disk.css";
import "./style/next.css";
import "./style/caches.css";
import "./style/connect.css";
import "./style/doings.css";
import "./style/tokens.css";
import { beLive } from "./live";
import { followLinks } from "./place";
import { Shell } from "./shell";

const room = document.getElementById("page");
if (room) {
  followLinks();
  beLive();
  room.textContent = "";
  render(<Shell />, room);
}
