import { inviteLink } from './address.js';
import { copied, copyByHand } from './words.js';

/** The link to the room, which says nothing about the password. */
export class Invite {
  #dialog = document.getElementById('invite');
  #room = document.getElementById('invite-room');
  #link = document.getElementById('invite-link');
  #said = document.getElementById('invite-copied');
  #openers = [document.getElementById('invite-open'), document.getElementById('invite-open-empty')];

  constructor() {
    for (const opener of this.#openers) opener.addEventListener('click', () => this.#open());
    document.getElementById('invite-close').addEventListener('click', () => this.#dialog.close());
    document.getElementById('invite-copy').addEventListener('click', () => this.#copy());
    this.#link.addEventListener('focus', () => this.#link.select());
  }

  draw({ phase, room }) {
    const link = inviteLink(location.origin, room);
    if (this.#link.value !== link) this.#link.value = link;
    this.#room.textContent = room;
    if (phase !== 'over') return;
    this.#dialog.close();
    for (const opener of this.#openers) opener.disabled = true;
  }

  #open() {
    this.#said.textContent = '';
    this.#dialog.showModal();
  }

  async #copy() {
    try {
      await navigator.clipboard.writeText(this.#link.value);
      this.#said.textContent = copied;
    } catch {
      this.#link.select();
      this.#said.textContent = copyByHand;
    }
  }
}
