/** The build inlines the WebAssembly as text. */
declare module "*/client.wasm" {
  const packed: import("./bytes.js").PackedBytes;
  export default packed;
}
