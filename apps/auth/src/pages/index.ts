// The pages that people see: pure functions from data to HTML. They know no request and no header; who calls them
// sends Content-Security-Policy (default-src 'none'; style-src 'self'; form-action as the page's forms need it;
// frame-ancestors 'none'; base-uri 'none') and serves the style sheet.
export { type ConnectedAppsFacts, connectedAppsPage } from './connected-apps-page.ts'
export { type ConsentFacts, consentPage } from './consent-page.ts'
export { continuePage } from './continue-page.ts'
export { type DeviceApprovalFacts, deviceApprovalPage } from './device-approval-page.ts'
export { deviceDonePage } from './device-done-page.ts'
export { type DeviceEntryFacts, deviceEntryPage } from './device-entry-page.ts'
export { deviceRefusedPage } from './device-refused-page.ts'
export { errorPage } from './error-page.ts'
export { expiredPage } from './expired-page.ts'
export type { AppFacts, ResourceFacts, ReturnsTo, Trouble } from './facts.ts'
export { homePage } from './home-page.ts'
export { loggedOutPage } from './logged-out-page.ts'
export { loginPage } from './login-page.ts'
export { logoutPage } from './logout-page.ts'
export { stylesheet } from './stylesheet.ts'
