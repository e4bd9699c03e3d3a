// What the telephones of /phone sound like: tones made here, and prompts from the server.
// It must never make a sound while the person has switched sound off.

export const sound = document.getElementById("phone-sound");

/** Ring tones and key tones. Silent until the person has touched the page: browsers want it so. */
export class Tones {
  constructor() {
    this.context = null;
    this.timer = 0;
    this.gain = null;
  }

  beep(frequencies, seconds) {
    if (!sound.checked || !window.AudioContext) return;
    this.context ??= new AudioContext();
    this.context.resume().catch(() => undefined);
    this.gain = this.context.createGain();
    this.gain.gain.value = 0.05;
    this.gain.connect(this.context.destination);
    for (const frequency of frequencies) {
      const tone = this.context.createOscillator();
      tone.frequency.value = frequency;
      tone.connect(this.gain);
      tone.start();
      tone.stop(this.context.currentTime + seconds);
    }
  }

  repeat(frequencies, seconds, every) {
    this.silence();
    this.beep(frequencies, seconds);
    this.timer = setInterval(() => this.beep(frequencies, seconds), every * 1000);
  }

  silence() {
    clearInterval(this.timer);
    this.gain?.disconnect();
    this.gain = null;
  }
}

/** Plays the items of one prompt in order, then calls `done`. An item that cannot be played takes its time in silence. */
export class Player {
  constructor(items, done) {
    this.stopped = false;
    this.audio = null;
    this.timer = 0;
    this.next([...items], done);
  }

  next(items, done) {
    if (this.stopped) return;
    const item = items.shift();
    if (!item) {
      done();
      return;
    }
    let over = false;
    const goOn = () => {
      if (!over) this.next(items, done);
      over = true;
    };
    const wait = () => {
      if (!over && !this.stopped) this.timer = setTimeout(goOn, item.seconds * 1000);
    };
    this.audio = new Audio(item.url);
    this.audio.muted = !sound.checked;
    this.audio.addEventListener("ended", goOn);
    this.audio.play().catch(wait);
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
    this.audio?.pause();
  }
}
