// Who a person is, according to whoever signed them in. One shape, whatever the upstream login; this folder knows no
// client, no Fastify and no store.

/** A person as an upstream login vouches for them. */
export interface Identity {
  /** Stable for ever and never reused: `dev:<name>`, `github:<numeric id>`, … (DESIGN: subjects). */
  readonly subject: string
  /** What the person is shown as "signed in as …". May change; decides nothing. */
  readonly label: string
}

/** A login that is a form of our own page. */
export interface FormLogin {
  readonly kind: 'form'
  /** Returns who it is, or in words for the person why it cannot be. */
  logIn(fields: Readonly<Record<string, unknown>>): Identity | { readonly problem: string }
}

export type Login = FormLogin
