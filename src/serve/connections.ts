import type { Socket } from 'node:net';

/** The connections of a server, and how many requests of each are not answered yet. */
export class Connections {
  readonly #pending = new Map<Socket, number>();

  opened(socket: Socket): void {
    this.#pending.set(socket, 0);
    socket.once('close', () => this.#pending.delete(socket));
  }

  asked(socket: Socket): void {
    this.#count(socket, 1);
  }

  answered(socket: Socket): void {
    this.#count(socket, -1);
  }

  #count(socket: Socket, change: number): void {
    const pending = this.#pending.get(socket);
    if (pending !== undefined) this.#pending.set(socket, pending + change);
  }

  /** Ends those on which nothing is asked, also those on which nothing ever was, which the engine does not take for idle. */
  endUnused(): void {
    for (const [socket, pending] of this.#pending) if (pending === 0) socket.destroy();
  }
}
