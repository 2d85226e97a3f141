-- CreateTable
CREATE TABLE "fleet_configs" (
    "number" INTEGER NOT NULL,
    "hash" VARCHAR(64) NOT NULL,
    "file" JSON NOT NULL,
    "host" VARCHAR(256) NOT NULL,
    "who" VARCHAR(256) NOT NULL,
    "force" BOOLEAN NOT NULL,
    "preparing" INTEGER,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "activated_at" TIMESTAMPTZ(3),

    CONSTRAINT "fleet_configs_pkey" PRIMARY KEY ("number")
);

-- CreateTable
CREATE TABLE "fleet_config_hosts" (
    "host" VARCHAR(256) NOT NULL,
    "answered" INTEGER,
    "problems" JSONB NOT NULL DEFAULT '[]',
    "version" INTEGER,
    "departs" BOOLEAN NOT NULL DEFAULT false,
    "problem" TEXT,
    "reported_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "fleet_config_hosts_pkey" PRIMARY KEY ("host")
);

-- CreateIndex
CREATE UNIQUE INDEX "fleet_configs_preparing_key" ON "fleet_configs"("preparing");
