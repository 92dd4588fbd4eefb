// What a resource of this server is: a text with an address. One file a resource, the list in index.ts. Anyone who may read
// may have all of them.

export interface Resource {
  readonly uri: string
  readonly name: string
  readonly title: string
  readonly description: string
  readonly mimeType: string
  read(): string | Promise<string>
}
