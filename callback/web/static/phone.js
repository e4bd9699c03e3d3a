// The telephones of /phone. Each has one WebSocket; the server says what happens, this shows and plays it.
// A number is sent in the first message and must never stand in a URL or be kept in the browser.

import { Player, Tones, sound } from "./phone_sound.js";

const OUTCOMES = {
  ended: "Samtalen er slutt.",
  busy: "Opptatt.",
  no_answer: "Ingen svarte.",
  declined: "Samtalen ble avvist.",
  invalid: "Nummeret finnes ikke.",
  cancelled: "Anropet ble avbrutt.",
  failed: "Det kom ikke fram. Linjen svikter.",
};
const STATES = {
  offline: "Kobler til …",
  refused: "Ikke tilkoblet",
  idle: "Ledig",
  calling: "Ringer ut …",
  ringing: "Ringer!",
  up: "I samtale",
};
const LONGEST_LOG = 200;

function spaced(number) {
  const digits = /^\+47(\d{8})$/.exec(number || "");
  return digits ? "+47 " + digits[1].match(/\d\d/g).join(" ") : number || "skjult nummer";
}

/** Prompts as sentences: one that begins with a capital begins a new one. */
function sentences(texts) {
  return texts.reduce((said, text) => said + (/[\p{L}\d]$/u.test(said) && /^\p{Lu}/u.test(text) ? ". " : " ") + text, "").trim();
}

class Telephone {
  constructor(root) {
    this.root = root;
    this.name = root.dataset.telephone;
    this.tones = new Tones();
    this.player = null;
    this.digits = 0;
    this.wait = 500;
    this.part = (name) => root.querySelector(`[data-part="${name}"]`);
    this.callButton = root.querySelector('[data-act="call"]');
    this.endButton = root.querySelector('[data-act="hang_up"]');
    this.callButton.addEventListener("click", () => this.call());
    this.endButton.addEventListener("click", () => this.hangUp());
    for (const key of root.querySelectorAll("[data-key]")) {
      key.addEventListener("click", () => this.press(key.dataset.key));
    }
    root.addEventListener("keydown", (event) => this.onKeyDown(event));
    this.part("number").addEventListener("change", () => this.changeNumber());
    sound.addEventListener("change", () => this.onSound());
    this.setState("offline");
    this.connect();
  }

  // ---- the connection

  /** E.164 or an extension, as it is on the display; eight digits are Norwegian. */
  number() {
    const typed = this.part("number").value.replace(/[\s-]/g, "").replace(/^00/, "+");
    return /^\d{8}$/.test(typed) ? "+47" + typed : typed;
  }

  connect() {
    const number = this.number();
    const good = /^(\+[1-9]\d{4,14}|\d{2,7})$/.test(number);
    if (!good) {
      this.showError("Skriv et telefonnummer med åtte siffer.");
      this.setState("refused");
      return;
    }
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/phone/ws?telephone=${this.name}`);
    this.socket = socket;
    socket.addEventListener("open", () => this.send({ number }));
    socket.addEventListener("message", (message) => {
      if (socket === this.socket) this.onEvent(JSON.parse(message.data));
    });
    socket.addEventListener("close", () => {
      if (socket === this.socket) this.onClose();
    });
  }

  changeNumber() {
    clearTimeout(this.retry);
    const old = this.socket;
    this.socket = null;
    old?.close();
    this.quiet();
    this.setState("offline");
    this.connect();
  }

  onClose() {
    this.quiet();
    if (this.inCall()) {
      this.say(this.state === "up" ? "Samtalen ble brutt." : "Anropet ble brutt.", "phone-done");
    }
    if (this.state !== "offline" && this.state !== "refused") {
      this.say("Mistet kontakten med tjenesten. Prøver igjen.", "phone-done");
      this.lost = true;
    }
    if (this.state !== "refused") this.setState("offline");
    this.retry = setTimeout(() => this.connect(), this.wait);
    this.wait = Math.min(this.wait * 2, 4000);
  }

  send(message) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  // ---- what the person does

  call() {
    if (this.state === "ringing") {
      this.send({ do: "answer" });
    } else if (this.state === "idle") {
      const withhold = this.part("withhold")?.checked ?? false;
      this.send({ do: "dial", to: this.part("to").value, withhold });
    }
  }

  hangUp() {
    if (this.inCall()) this.send({ do: "hang_up" });
  }

  press(key) {
    this.tones.beep([697 + 80 * "123456789*0#".indexOf(key), 1336], 0.12);
    if (this.state !== "up") return;
    this.send({ do: "press", key });
    this.say(`Du tastet ${key}.`);
    if (this.digits > 0) this.stopPlaying();
  }

  onKeyDown(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target.matches("input, select")) return;
    const key = this.root.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (!key) return;
    event.preventDefault();
    key.classList.add("phone-pressed");
    setTimeout(() => key.classList.remove("phone-pressed"), 150);
    this.press(event.key);
  }

  onSound() {
    if (this.player?.audio) this.player.audio.muted = !sound.checked;
    if (!sound.checked) this.tones.silence();
  }

  // ---- what happens

  onEvent(event) {
    switch (event.type) {
      case "ready":
        this.wait = 500;
        this.showError("");
        if (this.lost) this.say("Kontakten er tilbake.");
        this.lost = false;
        this.setState("idle");
        break;
      case "refused":
        this.setState("refused");
        this.showError(
          event.reason === "in_use"
            ? "Nummeret er i bruk i et annet vindu. Lukk det, eller velg et annet nummer."
            : "Skriv et telefonnummer med åtte siffer.",
        );
        break;
      case "dialling":
        this.setState("calling");
        this.say(`Ringer ${spaced(event.to)}.`);
        this.tones.repeat([425], 1, 5);
        break;
      case "ringing":
        this.setState("ringing");
        this.say(`Ringer! Fra ${spaced(event.from)}.`, "phone-done");
        this.tones.repeat([440, 480], 1.2, 3);
        break;
      case "answered":
        this.quiet();
        this.setState("up");
        this.say("Samtalen er i gang.");
        break;
      case "prompt":
        this.play(event);
        break;
      case "ringback":
        this.quiet();
        this.say(`Det ringer hos ${spaced(event.to)}.`);
        this.tones.repeat([425], 1, 5);
        break;
      case "connected":
        this.quiet();
        this.setState("up");
        this.say(`Dere snakker sammen (${spaced(event.to || event.with)}).`, "phone-done");
        break;
      case "peer_ended":
        this.quiet();
        this.say(event.outcome === "ended" ? "Den andre la på." : OUTCOMES[event.outcome]);
        break;
      case "fallback":
        this.quiet();
        this.say("Tjenesten svarer ikke. Her spiller sentralen kontorets reservemelding.", "phone-heard");
        break;
      case "ended":
        this.quiet();
        this.say(OUTCOMES[event.outcome], "phone-done");
        this.setState("idle");
        break;
    }
  }

  play(event) {
    this.quiet();
    this.setState("up");
    this.digits = event.digits;
    this.say(sentences(event.items.map((item) => item.text)), "phone-heard");
    this.player = new Player(event.items, () => this.send({ do: "finished", prompt: event.prompt }));
  }

  stopPlaying() {
    this.player?.stop();
    this.player = null;
  }

  quiet() {
    this.tones.silence();
    this.stopPlaying();
  }

  // ---- what is shown

  inCall() {
    return ["calling", "ringing", "up"].includes(this.state);
  }

  setState(state) {
    this.state = state;
    this.root.dataset.state = state;
    this.part("state").textContent = STATES[state];
    this.callButton.textContent = state === "ringing" ? "Svar" : "Ring";
    this.endButton.textContent = state === "ringing" ? "Avvis" : "Legg på";
    this.callButton.setAttribute("aria-disabled", String(state !== "idle" && state !== "ringing"));
    this.endButton.setAttribute("aria-disabled", String(!this.inCall()));
    this.part("number").disabled = this.inCall();
  }

  showError(text) {
    if (this.part("error").textContent !== text) this.part("error").textContent = text;
  }

  say(text, kind) {
    const log = this.part("log");
    const line = document.createElement("p");
    line.textContent = text;
    if (kind) line.className = kind;
    log.append(line);
    while (log.childElementCount > LONGEST_LOG) log.firstElementChild.remove();
    log.scrollTop = log.scrollHeight;
  }
}

document.querySelectorAll("[data-telephone]").forEach((root) => new Telephone(root));
