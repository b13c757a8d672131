/** The build inlines the WebAssembly as base64 text. */
declare module "*/client.wasm" {
  const base64: string;
  export default base64;
}
