-- AlterTable
ALTER TABLE "fleet_config_hosts" ADD COLUMN     "waits_for" INTEGER;
