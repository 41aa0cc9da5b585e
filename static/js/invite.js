import { inviteLink } from './address.js';
import { Copy } from './copy.js';
import { isAlone, isNew } from './model.js';
import { QrCode } from './qr.js';

/** The link to the room, which says nothing about the password. */
export class Invite {
  #dialog = document.getElementById('invite');
  #room = document.getElementById('invite-room');
  #alone = document.getElementById('invite-alone');
  #link = document.getElementById('invite-link');
  #code = new QrCode(document.getElementById('invite-code'));
  #share = document.getElementById('invite-share');
  #copy = new Copy({
    button: document.getElementById('invite-copy'),
    said: document.getElementById('invite-copied'),
    field: this.#link,
  });
  #openers = [document.getElementById('invite-open'), document.getElementById('invite-open-empty')];
  #greeted = false;

  constructor() {
    for (const opener of this.#openers) opener.addEventListener('click', () => this.#open());
    document.getElementById('invite-close').addEventListener('click', () => this.#dialog.close());
    this.#link.addEventListener('focus', () => this.#link.select());
    // A dialog that keeps nothing else from being used has no keys of its own.
    document.addEventListener('keydown', ({ key, defaultPrevented }) => {
      if (key === 'Escape' && !defaultPrevented && this.#standsBeside()) this.#dialog.close();
    });
    this.#share.hidden = !navigator.share;
    // Whoever closes the share sheet again did not fail at anything.
    this.#share.addEventListener('click', () => navigator.share({ url: this.#link.value }).catch(() => {}));
  }

  draw(state) {
    const { phase, room } = state;
    const link = inviteLink(location.origin, room);
    if (this.#link.value !== link) this.#link.value = link;
    this.#room.textContent = room;
    this.#alone.hidden = !isAlone(state);
    this.#greet(state);
    if (phase !== 'over') return;
    this.#dialog.close();
    for (const opener of this.#openers) opener.disabled = true;
  }

  /** Shown by itself in a new room, once, and beside what one does: it takes neither focus nor keys. */
  #greet(state) {
    const isUntouched = isNew(state);
    if (isUntouched && !this.#greeted) {
      this.#greeted = true;
      this.#prepare('none');
      this.#dialog.open = true; // show() would take the focus
    } else if (!isUntouched && this.#standsBeside()) {
      this.#dialog.close();
    }
  }

  #standsBeside() {
    return this.#dialog.open && !this.#dialog.matches(':modal');
  }

  #open() {
    this.#dialog.close();
    this.#prepare('any');
    this.#dialog.showModal();
  }

  /** A tap beside it closes it where it lies over everything, and where the browser knows how. */
  #prepare(closedBy) {
    this.#dialog.setAttribute('closedby', closedBy);
    this.#copy.clear();
    this.#code.draw(this.#link.value);
  }
}
