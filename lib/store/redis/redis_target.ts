// Where a shared store is: one server, a cluster, or sentinels that know the server. Without its password.

export interface RedisNode {
  readonly host: string;
  readonly port: number;
}

export interface RedisTarget {
  readonly kind: "single" | "cluster" | "sentinel";
  /** At least one; of a cluster or of sentinels, any that are known. */
  readonly nodes: readonly RedisNode[];
  /** What sentinels call the server. */
  readonly master: string | undefined;
  /** 0 in a cluster. */
  readonly database: number;
  readonly tls: boolean;
  /** Of the store's own users (ACL); undefined: its default user. */
  readonly username: string | undefined;
}
