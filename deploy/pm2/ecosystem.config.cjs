// For those who ran the original under PM2: pm2 start deploy/pm2/ecosystem.config.cjs
module.exports = {
  apps: [
    {
      name: 'anthropic-proxy',
      script: 'anthropic-proxy',
      // A program, not a script for Node.
      interpreter: 'none',
      // One: a record has one writer. Threads use all cores.
      instances: 1,
      exec_mode: 'fork',
      autorestart: true,
      // SHUTDOWN_GRACE, and some time to write the record to its end.
      kill_timeout: 40000,
      env: {
        HOST: '127.0.0.1',
        PORT: '8082',
        LOG_LEVEL: 'INFO',
      },
    },
  ],
};
