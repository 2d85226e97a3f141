-- AlterTable
ALTER TABLE "fleet_configs" ADD COLUMN     "at_restart" BOOLEAN NOT NULL DEFAULT false;
