export default {
  distDir: process.env.NEXT_DIST,
  rewrites: async () => [{ source: "/api/chat/:path*", destination: `${process.env.REJOIN_URL}/api/chat/:path*` }],
  compress: false,
};
